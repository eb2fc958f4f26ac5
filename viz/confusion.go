package viz

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
)

// Confusion is a confusion matrix with rows for true and columns for predicted classes. Correct
// predictions are blue by their share of the row. Errors are red by their count, on a separate
// scale, because they are few. More than 32 classes are drawn without counts.
type Confusion struct {
	Title  string
	Counts [][]int  // [true][predicted]
	Labels []string // class names; nil: numbers
}

// Image draws the matrix.
func (c Confusion) Image() (image.Image, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	right, all := c.totals()
	most := c.mostWrong()
	keys := row(40, alignStart,
		column(4, alignStart, label{"right: share of the row", bodyText, ink}, legend("0%", "100%", fade(blue))),
		column(4, alignStart, label{"wrong: how many", bodyText, ink}, legend("0", fmt.Sprint(most), fade(red))))
	share := float64(0)
	if all > 0 {
		share = 100 * float64(right) / float64(all)
	}
	return render(page(c.Title, matrix{c, c.cell(), most}, keys,
		fmt.Sprintf("%d of %d right (%.2f%%), %d wrong", right, all, share, all-right))), nil
}

func (c Confusion) check() error {
	n := len(c.Counts)
	if n == 0 {
		return fmt.Errorf("confusion matrix: no classes")
	}
	if c.Labels != nil && len(c.Labels) != n {
		return fmt.Errorf("confusion matrix: got %d labels for %d classes, want one each", len(c.Labels), n)
	}
	for i, r := range c.Counts {
		if len(r) != n {
			return fmt.Errorf("confusion matrix: row %d: got %d counts, want %d, one a class", i, len(r), n)
		}
		for j, count := range r {
			if count < 0 {
				return fmt.Errorf("confusion matrix: row %d, column %d: got count %d, want at least 0", i, j, count)
			}
		}
	}
	return nil
}

func (c Confusion) totals() (right, all int) {
	for i, r := range c.Counts {
		right += r[i]
		all += sum(r)
	}
	return right, all
}

func (c Confusion) mostWrong() int {
	most := 1
	for i, r := range c.Counts {
		for j, count := range r {
			if i != j {
				most = max(most, count)
			}
		}
	}
	return most
}

// cell returns the side of a cell in pixels. Counts need 44 and are omitted below that.
func (c Confusion) cell() int {
	if len(c.Counts) <= 32 {
		return 44
	}
	return max(3, 640/len(c.Counts))
}

func sum(counts []int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// matrix is the cells of a confusion matrix with their labels.
type matrix struct {
	Confusion
	side int // of a cell
	most int // the most errors in a cell
}

const matrixGap = 6

func (m matrix) size() image.Point {
	origin := m.origin()
	return image.Pt(origin.X+m.field()+matrixGap+smallText.width("100.0% right"), origin.Y+m.field())
}

// origin returns the top left of the cells: below the axis name and the column labels, right of the
// row labels.
func (m matrix) origin() image.Point {
	line := boldText.height()
	columns := line
	if m.upright() {
		columns = m.nameWidth()
	}
	return image.Pt(max(m.nameWidth(), boldText.width("true"))+matrixGap, line+matrixGap+columns+matrixGap)
}

func (m matrix) field() int { return m.side*len(m.Counts) + 2 - m.gap() }

// gap is the hairline between cells, 0 for small cells.
func (m matrix) gap() int {
	if m.side < 8 {
		return 0
	}
	return 1
}

func (m matrix) nameWidth() int {
	width := 0
	for i := range m.Counts {
		width = max(width, boldText.width(classLabel(m.Labels, i)))
	}
	return width
}

// upright reports whether the column labels are too long to be horizontal.
func (m matrix) upright() bool { return m.nameWidth() > max(m.side, 24)-6 }

// labelEvery thins out the labels of small cells.
func (m matrix) labelEvery() int {
	room := boldText.height()
	if !m.upright() {
		room = max(room, m.nameWidth()+6)
	}
	return (room + m.side - 1) / m.side
}

func (m matrix) draw(dst draw.Image, at image.Point) {
	origin := at.Add(m.origin())
	const columns, rows = "predicted", "true"
	boldText.draw(dst, image.Pt(origin.X+(m.field()-boldText.width(columns))/2, at.Y), columns, faintInk)
	boldText.draw(dst, image.Pt(origin.X-matrixGap-boldText.width(rows), origin.Y-matrixGap-boldText.height()), rows,
		faintInk)
	fill(dst, image.Rectangle{origin, origin.Add(image.Pt(m.field(), m.field()))}, hairline)
	for i := range m.Counts {
		if i%m.labelEvery() == 0 {
			m.drawLabels(dst, origin, i)
		}
		for j := range m.Counts {
			m.drawCell(dst, origin, i, j)
		}
	}
}

func (m matrix) drawLabels(dst draw.Image, origin image.Point, i int) {
	name := classLabel(m.Labels, i)
	width, height := boldText.width(name), boldText.height()
	center := i*m.side + m.side/2
	boldText.draw(dst, image.Pt(origin.X-matrixGap-width, origin.Y+center-height/2), name, ink)
	if m.upright() {
		boldText.drawUpwards(dst, image.Pt(origin.X+center-height/2, origin.Y-matrixGap-width), name, ink)
	} else {
		boldText.draw(dst, image.Pt(origin.X+center-width/2, origin.Y-matrixGap-height), name, ink)
	}
	if total := sum(m.Counts[i]); total > 0 {
		recall := fmt.Sprintf("%.1f%% right", 100*float64(m.Counts[i][i])/float64(total))
		smallText.draw(dst, image.Pt(origin.X+m.field()+matrixGap, origin.Y+center-smallText.height()/2), recall,
			faintInk)
	}
}

func (m matrix) drawCell(dst draw.Image, origin image.Point, i, j int) {
	corner := origin.Add(image.Pt(j*m.side+1, i*m.side+1))
	face := m.color(i, j)
	fill(dst, image.Rectangle{corner, corner.Add(image.Pt(m.side-m.gap(), m.side-m.gap()))}, face)
	if m.side < 44 || m.Counts[i][j] == 0 {
		return
	}
	text := fmt.Sprint(m.Counts[i][j])
	at := corner.Add(image.Pt((m.side-1-bodyText.width(text))/2, (m.side-1-bodyText.height())/2))
	bodyText.draw(dst, at, text, inkOn(face))
}

func (m matrix) color(i, j int) color.RGBA {
	if i != j {
		return fade(red)(float64(m.Counts[i][j]) / float64(m.most))
	}
	if total := sum(m.Counts[i]); total > 0 {
		return fade(blue)(float64(m.Counts[i][i]) / float64(total))
	}
	return white
}

// inkOn returns black or white, whichever is readable on a color.
func inkOn(c color.RGBA) color.RGBA {
	if color.GrayModel.Convert(c).(color.Gray).Y < 140 {
		return white
	}
	return ink
}
