package dataset

import (
	"container/list"
	"sync"
)

// pageCache holds the most recently used pages, up to a number of bytes. It reads a page once,
// however many goroutines want it at the same time.
type pageCache struct {
	limit int64
	load  func(page int) (pictures [][]byte, bytes int64, err error)

	mu    sync.Mutex
	used  int64
	order *list.List // of *cachedPage, the one used last in front
	pages map[int]*list.Element
}

type cachedPage struct {
	number   int
	ready    chan struct{} // closed once the page has been read
	pictures [][]byte
	bytes    int64
	err      error
}

func newPageCache(limit int64, load func(page int) ([][]byte, int64, error)) *pageCache {
	return &pageCache{limit: limit, load: load, order: list.New(), pages: map[int]*list.Element{}}
}

// get returns a page's pictures.
func (c *pageCache) get(number int) ([][]byte, error) {
	c.mu.Lock()
	if element, found := c.pages[number]; found {
		c.order.MoveToFront(element)
		c.mu.Unlock()
		page := element.Value.(*cachedPage)
		<-page.ready
		return page.pictures, page.err
	}
	page := &cachedPage{number: number, ready: make(chan struct{})}
	element := c.order.PushFront(page)
	c.pages[number] = element
	c.mu.Unlock()

	pictures, bytes, err := c.load(number)
	c.mu.Lock()
	defer c.mu.Unlock()
	page.pictures, page.bytes, page.err = pictures, bytes, err
	close(page.ready)
	c.used += bytes
	if page.err != nil {
		c.drop(element)
	}
	c.evict()
	return page.pictures, page.err
}

// evict drops the least recently used pages until the rest fits. It keeps the last one.
func (c *pageCache) evict() {
	for element := c.order.Back(); element != nil && c.used > c.limit && c.order.Len() > 1; {
		before := element.Prev()
		if element.Value.(*cachedPage).bytes > 0 { // it has been read
			c.drop(element)
		}
		element = before
	}
}

func (c *pageCache) drop(element *list.Element) {
	page := element.Value.(*cachedPage)
	c.order.Remove(element)
	delete(c.pages, page.number)
	c.used -= page.bytes
}
