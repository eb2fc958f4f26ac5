package training

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profile is the file of -cpuprofile, for go tool pprof; nil without the flag. It is made before anything of an earlier training goes, and
// filled while the new one runs.
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

// abandon is for a profile that wasn't started.
func (p *profile) abandon() error {
	if p == nil {
		return nil
	}
	return p.file.Close()
}
