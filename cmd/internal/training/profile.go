package training

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profile is the file of -cpuprofile, or nil without the flag. It is created before an earlier
// training's results are removed.
type profile struct{ file *os.File }

func newProfile(path string) (*profile, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("-cpuprofile: %w", err)
	}
	return &profile{file}, nil
}

func (p *profile) start() error {
	if p == nil {
		return nil
	}
	if err := pprof.StartCPUProfile(p.file); err != nil {
		return errors.Join(fmt.Errorf("-cpuprofile: %w", err), p.file.Close())
	}
	return nil
}

func (p *profile) stop() error {
	if p == nil {
		return nil
	}
	pprof.StopCPUProfile()
	return p.file.Close()
}

// abandon closes a profile that wasn't started.
func (p *profile) abandon() error {
	if p == nil {
		return nil
	}
	return p.file.Close()
}
