package train

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/formats/safetensors"
)

// written trains the network small for an epoch, and returns its newest checkpoint file.
func written(t testing.TB, dir string) (path string, data []byte) {
	t.Helper()
	tr := trainer(t, small())
	tr.Epochs, tr.Callbacks = 1, []Callback{Checkpoints{Dir: dir, Every: 1, Settings: []Setting{{"-batch", "3"}}}}
	finish(t, tr)
	paths, err := checkpointPaths(dir)
	require.NoError(t, err)
	require.Len(t, paths, keptCheckpoints)
	data, err = os.ReadFile(paths[len(paths)-1])
	require.NoError(t, err)
	return paths[len(paths)-1], data
}

// TestCheckpointDetectsFlippedBits flips a bit of each byte: once the bit that turns small letters
// into capitals, which encoding/json ignores in keys, and once another.
func TestCheckpointDetectsFlippedBits(t *testing.T) {
	_, data := written(t, t.TempDir())
	_, err := decodeCheckpoint(data)
	require.NoError(t, err)
	for i := range data {
		for _, bit := range []int{5, i % 5} {
			data[i] ^= 1 << bit
			_, err := decodeCheckpoint(data)
			require.Error(t, err, "byte %d of %d, bit %d", i, len(data), bit)
			data[i] ^= 1 << bit
		}
	}
	for n := 0; n < len(data); n += 7 {
		_, err := decodeCheckpoint(data[:n])
		require.Error(t, err, "cut to %d of %d bytes", n, len(data))
	}
}

// TestSkipsCorruptCheckpoint warns of a corrupt newest checkpoint and reads the one before it. It
// fails if that is corrupt, too.
func TestSkipsCorruptCheckpoint(t *testing.T) {
	dir := t.TempDir()
	newest, data := written(t, dir)
	data[len(data)-1] ^= 1
	require.NoError(t, os.WriteFile(newest, data, 0o644))
	var warnings []string
	warn := func(err error) { warnings = append(warnings, err.Error()) }
	c, err := LatestCheckpoint(dir, warn)
	require.NoError(t, err)
	assert.Equal(t, 3, c.Step)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], newest+": corrupt: got contents with checksum ")

	require.NoError(t, os.WriteFile(checkpointPath(dir, 3), nil, 0o644))
	_, err = LatestCheckpoint(dir, warn)
	assert.EqualError(t, err, dir+": every checkpoint is corrupt")
	assert.Len(t, warnings, 3)

	require.NoError(t, RemoveCheckpoints(dir))
	_, err = LatestCheckpoint(dir, warn)
	assert.ErrorIs(t, err, ErrNoCheckpoint)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// TestRemovesLaterCheckpoints resumes from an older checkpoint. The first new one replaces those of
// later steps, corrupt or not, and keeps the one that was resumed.
func TestRemovesLaterCheckpoints(t *testing.T) {
	dir := t.TempDir()
	_, data := written(t, dir)
	for _, step := range []int{4, 6, 700} {
		require.NoError(t, os.WriteFile(checkpointPath(dir, step), data[:100], 0o644))
	}
	tr := trainer(t, small())
	var err error
	tr.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	require.Equal(t, 3, tr.Resume.Step)
	stop := errors.New("stop")
	tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 5}, at{Step: 5, What: func() error { return stop }}}
	_, err = tr.Run(context.Background())
	require.ErrorIs(t, err, stop)
	paths, err := checkpointPaths(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{checkpointPath(dir, 4), checkpointPath(dir, 5)}, paths,
		"the first epoch's end, and step 5")
	_, err = readCheckpoint(paths[0])
	assert.NoError(t, err)
}

func TestDifferences(t *testing.T) {
	c := &Checkpoint{Settings: []Setting{{"-batch", "100"}, {"-lr", "0.1"}}}
	assert.Empty(t, c.Differences([]Setting{{"-lr", "0.1"}, {"-batch", "100"}}))
	assert.Equal(t, []string{"-batch: 100 then, not given now"}, c.Differences([]Setting{{"-lr", "0.1"}}))
	assert.Equal(t, []string{"-batch: 100 then, 50 now", "-seed: now 1, not known then"},
		c.Differences([]Setting{{"-batch", "50"}, {"-lr", "0.1"}, {"-seed", "1"}}))
}

// TestDifferencesOfLongValues shows the part around the first difference.
func TestDifferencesOfLongValues(t *testing.T) {
	start, end := strings.Repeat("a", 500), strings.Repeat("é", 300)
	c := &Checkpoint{Settings: []Setting{{"model", start + "1" + end}}}
	assert.Equal(t, []string{
		"model: …" + start[:30] + "1" + strings.Repeat("é", 34) + "… then, …" + start[:30] + "22" +
			strings.Repeat("é", 34) + "… now",
	}, c.Differences([]Setting{{"model", start + "22" + end}}))
	assert.Equal(t, []string{"model: " + start[:100] + "… then, b now"},
		(&Checkpoint{Settings: []Setting{{"model", start}}}).
			Differences([]Setting{{"model", "b"}}))
}

// FuzzReadCheckpoint reads any bytes, with and without verifying the checksum. A training either
// refuses the checkpoint or resumes at a valid step.
func FuzzReadCheckpoint(f *testing.F) {
	_, data := written(f, f.TempDir())
	f.Add(data)
	f.Add(data[:len(data)-4])
	f.Add(bytes.Replace(data, []byte(`\"Step\":4`), []byte(`\"Step\":9`), 1))
	f.Add(bytes.Replace(data, []byte(`\"Epoch\":1`), []byte(`\"Epoch\":-`), 1))
	tr := trainer(f, small())
	r, err := tr.start()
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		if c, err := decodeCheckpoint(data); err == nil {
			require.NotEmpty(t, c.params)
		}
		arrays, metadata, err := safetensors.Decode(data)
		if err != nil {
			return
		}
		c, err := parseCheckpoint(arrays, metadata)
		if err != nil || r.restore(c) != nil {
			return
		}
		epoch := len(r.state.History) + 1
		within := r.state.Step - r.stepsBefore(epoch)
		require.True(t, within >= 0 && within <= r.StepsOf(epoch))
	})
}

// TestCheckpointsByTime writes a checkpoint after the step at which the newest is an interval old.
func TestCheckpointsByTime(t *testing.T) {
	for interval, want := range map[time.Duration]int{time.Nanosecond: 3, time.Hour: 0} {
		dir := t.TempDir()
		stop := errors.New("stop")
		tr := trainer(t, small())
		tr.Callbacks = []Callback{Checkpoints{Dir: dir, Interval: interval},
			at{Step: 3, What: func() error { return stop }}}
		_, err := tr.Run(context.Background())
		require.ErrorIs(t, err, stop)
		c, err := LatestCheckpoint(dir, nil)
		if want == 0 {
			require.ErrorIs(t, err, ErrNoCheckpoint)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want, c.Step)
	}
}

// TestIntervalCountsFromNewestCheckpoint restarts the time at each checkpoint, and at a resumed
// one.
func TestIntervalCountsFromNewestCheckpoint(t *testing.T) {
	const hour = time.Hour
	s := &State{saved: 5 * hour, Step: 1,
		snapshot: func([]Setting) (*Checkpoint, error) { return nil, errors.New("it is time") }}
	c := Checkpoints{Interval: hour}
	s.Elapsed = 5*hour + hour/2
	assert.NoError(t, c.StepEnd(s))
	s.Elapsed = 6 * hour
	assert.ErrorContains(t, c.StepEnd(s), "it is time")
}

func TestMarkFinished(t *testing.T) {
	dir := t.TempDir()
	written(t, dir)
	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.False(t, c.Finished)
	require.NoError(t, MarkFinished(dir))
	marked, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.True(t, marked.Finished)
	assert.Equal(t, c.Step, marked.Step)
	assert.ErrorIs(t, MarkFinished(t.TempDir()), ErrNoCheckpoint)
}
