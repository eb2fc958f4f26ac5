package kernel

import "math"

const (
	depthBlock = 1024 // most of k in one block: a panel of B then stays in L2 while every tile of A passes it
	rowBlock   = 256  // rows of packed A that stay in L2 while the panels pass
	colBlock   = 256  // columns of B a job packs for itself
	// up to this many elements, B is packed once for all jobs, which may then also split the rows
	sharedB      = 1 << 20
	gemmJobs     = 16      // jobs in a product that is large enough
	gemmJobWork  = 1 << 17 // fewest multiply-adds worth a job
	parallelWork = 1 << 18 // multiply-adds below which a fork costs more than it gains
)

// Gemm computes C = op(A)·op(B) for row-major matrices: op(A) is m × k, op(B) k × n, C m × n. op
// transposes if transA or transB is set. lda, ldb, ldc are the lengths of the stored rows. C must
// not overlap A or B.
func Gemm[T Float](transA, transB bool, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int) {
	free := freeProducts[T]()
	p := free.take()
	if p.e == nil || p.isa != active {
		p.init()
	}
	p.plan(m, n, k)
	p.run(matrix[T]{a, lda, transA}, matrix[T]{b, ldb, transB}, c, ldc)
	free.put(p)
}

// Gemm's idle plans with their workspaces, at most as many as calls ever ran at once.
var (
	products32 stack[product[float32]]
	products64 stack[product[float64]]
)

func freeProducts[T Float]() *stack[product[T]] {
	if s, ok := any(&products32).(*stack[product[T]]); ok {
		return s
	}
	return any(&products64).(*stack[product[T]])
}

// product is a planned matrix product with its workspace. Only m, n and k decide the plan, and so
// the order of every sum.
type product[T Float] struct {
	e       *engine[T]
	isa     isa // e's
	m, n, k int

	tiles        []rowTile // nil before plan
	depth        int       // size of a block of k
	panels       int
	rowJobs      int
	panelsPerJob int
	shared       bool // all of B is packed before the jobs start

	packedA, packedB []T
	blocks           perWorker[panelScratch[T]]

	a, b   matrix[T] // of the running call
	panelB []T       // all of B, packed: packedB, or the caller's
	c      []T
	ldc    int
	bias   []T // by column of C, or nil

	limits Limits[T] // of C

	firstRow, rows int // of B, that packRows packs

	pack, packB, multiply func(worker, shard int) // stored once, because a closure for each call would allocate
}

type panelScratch[T Float] struct {
	b []T
	p panel[T]
}

func newProduct[T Float]() *product[T] {
	p := new(product[T])
	p.init()
	return p
}

func (p *product[T]) init() {
	p.e, p.isa, p.tiles = engineFor[T](), active, nil
	p.pack, p.packB, p.multiply = p.packShard, p.packPanelRows, p.multiplyJob
}

func (p *product[T]) plan(m, n, k int) {
	if p.tiles != nil && p.m == m && p.n == n && p.k == k {
		return
	}
	p.m, p.n, p.k = m, n, k
	p.tiles = tileRows(m, p.e.rows)
	p.depth = depthOf(k)
	p.panels = ceilDiv(n, p.e.cols)
	p.shared = k*n <= sharedB
	p.share(max(1, min(gemmJobs, m*n*k/gemmJobWork)))
	p.packedA = grow(p.packedA, m*k)
}

// sizeOfB returns the elements of B packed for all jobs.
func (p *product[T]) sizeOfB() int { return p.panels * p.e.cols * p.k }

// share cuts C into about the given number of jobs. If B is packed for all jobs, they are nearly
// square, which reads the packed operands least often. If each job packs its own columns, it has
// all rows.
func (p *product[T]) share(jobs int) {
	if !p.shared {
		p.rowJobs, p.panelsPerJob = 1, min(max(1, colBlock/p.e.cols), max(1, p.panels/jobs))
		return
	}
	cols := int(math.Round(math.Sqrt(float64(jobs) * float64(p.n) / float64(max(1, p.m)))))
	cols = max(1, min(cols, jobs, p.panels))
	p.panelsPerJob = max(1, ceilDiv(p.panels, cols))
	p.rowJobs = max(1, min(len(p.tiles), jobs/cols))
}

// depthOf returns the size of the blocks that k is cut into, as equal as possible.
func depthOf(k int) int { return max(1, ceilDiv(k, max(1, ceilDiv(k, depthBlock)))) }

func (p *product[T]) run(a, b matrix[T], c []T, ldc int) {
	if p.m == 0 || p.n == 0 {
		return
	}
	p.b = b
	if p.shared {
		p.packedB = grow(p.packedB, p.sizeOfB())
		p.panelB, p.firstRow, p.rows = p.packedB, 0, p.k
	}
	p.multiplyAll(a, c, ldc)
}

// packRows packs rows [first, first+rows) of B, which b holds, where they belong in all of B. The
// plan must be to share B.
func (p *product[T]) packRows(b matrix[T], first, rows int, packed []T) {
	p.b, p.panelB, p.firstRow, p.rows = b, packed, first, rows
	parallelAbove(parallelWork, int64(rows)*int64(p.n), p.panels, p.packB)
	p.b, p.panelB = matrix[T]{}, nil
}

// runPacked is run with all rows of B packed by packRows.
func (p *product[T]) runPacked(a matrix[T], packed, c []T, ldc int) {
	if p.m == 0 || p.n == 0 {
		return
	}
	p.panelB = packed
	p.multiplyAll(a, c, ldc)
}

// multiplyAll packs what of the operands isn't packed yet, and multiplies.
func (p *product[T]) multiplyAll(a matrix[T], c []T, ldc int) {
	p.a, p.c, p.ldc = a, c, ldc
	work := int64(p.m) * int64(p.n) * int64(p.k)
	shards := len(p.tiles)
	if p.shared && p.b.data != nil {
		shards += p.panels
	}
	parallelAbove(parallelWork, work, shards, p.pack)
	parallelAbove(parallelWork, work, p.rowJobs*ceilDiv(p.panels, p.panelsPerJob), p.multiply)
	p.a, p.b, p.panelB, p.c = matrix[T]{}, matrix[T]{}, nil, nil
}

// packShard packs one tile of A or one whole panel of B.
func (p *product[T]) packShard(_, shard int) {
	if p.k == 0 {
		return
	}
	if shard < len(p.tiles) {
		t := p.tiles[shard]
		p.e.packTile(p.a, t, p.k, p.packedA[t.row*p.k:])
		return
	}
	p.packPanelRows(0, shard-len(p.tiles))
}

// packPanelRows packs the rows of a panel of B that the running call packs.
func (p *product[T]) packPanelRows(_, i int) {
	first := i * p.e.cols
	cols := min(p.e.cols, p.n-first)
	width := p.e.width(cols)
	p.e.packPanel(p.b, 0, p.rows, first, cols, width, p.panelB[first*p.k+p.firstRow*width:])
}

func (p *product[T]) multiplyJob(worker, job int) {
	rowJob, colJob := job%p.rowJobs, job/p.rowJobs
	tiles := p.tiles[rowJob*len(p.tiles)/p.rowJobs : (rowJob+1)*len(p.tiles)/p.rowJobs]
	first := colJob * p.panelsPerJob
	last := min(first+p.panelsPerJob, p.panels)
	p.begin(tiles, first, last)
	s := p.blocks.of(worker)
	for k0 := 0; k0 < p.k; k0 += p.depth {
		kc := min(p.depth, p.k-k0)
		if !p.shared {
			p.packBlock(s, k0, kc, first, last)
		}
		for rest := tiles; len(rest) > 0; {
			n := min(len(rest), max(1, rowBlock/p.e.rows))
			p.multiplyBlock(s, rest[:n], k0, kc, first, last)
			rest = rest[n:]
		}
	}
}

// begin writes what multiplyBlock then adds to: the bias, or zeros for an empty sum. Without a
// bias, multiplyBlock writes C itself.
func (p *product[T]) begin(tiles []rowTile, first, last int) {
	if p.bias == nil && p.k > 0 {
		return
	}
	col, end := first*p.e.cols, min(last*p.e.cols, p.n)
	for row := tiles[0].row; row < tiles[len(tiles)-1].row+tiles[len(tiles)-1].rows; row++ {
		c := p.c[row*p.ldc+col : row*p.ldc+end]
		if p.bias == nil {
			clear(c)
			continue
		}
		copy(c, p.bias[col:end])
	}
}

// packBlock packs rows [k0, k0+kc) of a job's columns of B, panel after panel.
func (p *product[T]) packBlock(s *panelScratch[T], k0, kc, first, last int) {
	s.b = grow(s.b, (last-first)*p.e.cols*p.depth)
	for i := first; i < last; i++ {
		cols := min(p.e.cols, p.n-i*p.e.cols)
		p.e.packPanel(p.b, k0, kc, i*p.e.cols, cols, p.e.width(cols), s.b[(i-first)*p.e.cols*kc:])
	}
}

func (p *product[T]) multiplyBlock(s *panelScratch[T], tiles []rowTile, k0, kc, first, last int) {
	for i := first; i < last; i++ {
		cols := min(p.e.cols, p.n-i*p.e.cols)
		width := p.e.width(cols)
		b := s.b
		if p.shared {
			b = p.panelB[i*p.e.cols*p.k+k0*width:]
		} else {
			b = b[(i-first)*p.e.cols*kc:]
		}
		s.p = panel[T]{
			tiles: tiles, a: p.packedA, k: p.k, k0: k0, kc: kc, b: b, width: width,
			c: p.c[i*p.e.cols:], ldc: p.ldc, cols: cols,
			accumulate: k0 > 0 || p.bias != nil,
		}
		if k0+kc == p.k {
			s.p.limits = p.limits
		}
		p.e.mul(&s.p)
	}
}
