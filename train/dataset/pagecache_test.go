package dataset

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPageCache asks for pages of 10 bytes from many goroutines: each gets the page it asks for, a
// page in use is read once, and no more than the limit stays.
func TestPageCache(t *testing.T) {
	var loads atomic.Int32
	cache := newPageCache(35, func(page int) ([][]byte, int64, error) {
		loads.Add(1)
		if page == 7 {
			return nil, 0, errors.New("broken")
		}
		return [][]byte{{byte(page)}}, 10, nil
	})
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(user)))
			for range 500 {
				page := rng.IntN(9)
				pictures, err := cache.get(page)
				if page == 7 {
					assert.ErrorContains(t, err, "broken")
					continue
				}
				assert.NoError(t, err)
				assert.Equal(t, byte(page), pictures[0][0])
			}
		})
	}
	users.Wait()
	assert.LessOrEqual(t, cache.used, int64(35))
	assert.Equal(t, int64(10*cache.order.Len()), cache.used)
	assert.Len(t, cache.pages, cache.order.Len())

	for page := range 3 {
		_, err := cache.get(page)
		require.NoError(t, err)
	}
	before := loads.Load()
	for range 10 {
		for page := range 3 {
			_, err := cache.get(page)
			require.NoError(t, err)
		}
	}
	assert.Equal(t, before, loads.Load(), "three pages fit")
}

// TestCacheKeepsLargePage: a page above the limit is used, and goes when another comes.
func TestCacheKeepsLargePage(t *testing.T) {
	loads := 0
	cache := newPageCache(5,
		func(page int) ([][]byte, int64, error) { loads++; return [][]byte{{byte(page)}}, 10, nil })
	for range 3 {
		_, err := cache.get(1)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, loads)
	_, err := cache.get(2)
	require.NoError(t, err)
	assert.Equal(t, int64(10), cache.used)
}
