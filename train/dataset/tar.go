package dataset

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"convgraph/picture"
)

// tarMember is a picture in a tar file.
type tarMember struct {
	file         *string // its path, shared by all members
	name         string  // with its extension
	offset, size int64
	class        int32
}

// tarMembers is the store of WebDataset's tar files. Headers are read once; a picture is then read
// at its offset.
type tarMembers []tarMember

func (m tarMembers) Len() int          { return len(m) }
func (m tarMembers) label(i int) int   { return int(m[i].class) }
func (m tarMembers) path(i int) string { return *m[i].file + ": " + m[i].name }
func (m tarMembers) key(i int) string  { return filepath.Base(*m[i].file) + "/" + m[i].name }
func (m tarMembers) size(i int) int64  { return m[i].size }

func (tarMembers) isAboutOne(int, error) bool { return false }

func (m tarMembers) pick(indices []int) store { return pickFrom(m, indices) }

// open calls use with the bytes of picture i.
func (m tarMembers) open(i int, use func(*io.SectionReader) error) error {
	file, err := os.Open(*m[i].file)
	if err != nil {
		return fmt.Errorf("%w: %w", picture.ErrFile, err)
	}
	defer file.Close()
	return use(io.NewSectionReader(file, m[i].offset, m[i].size))
}

func (m tarMembers) decode(i int) (img image.Image, err error) {
	err = m.open(i, func(content *io.SectionReader) (err error) {
		img, err = picture.DecodeAt(content, content.Size())
		return err
	})
	return img, err
}

func (m tarMembers) copyTo(w io.Writer, i int) error {
	return m.open(i, func(content *io.SectionReader) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// Kinds of members that aren't part of the set.
const (
	unlabelled     = "pictures without a label"
	otherMembers   = "members that aren't named as a picture of a known format"
	specialMembers = "links and special files"
)

const (
	// maxLabelFile is the largest member read for a label: a .cls file is a number.
	maxLabelFile = 1 << 10
	// maxLabelJSON is the largest .json file read for a label.
	maxLabelJSON = 1 << 20
)

// tarReader lists a tar file. The members of a sample follow each other and have their names up to
// the first dot in common. It takes the picture and the label: a number or name in NAME.cls, or
// "label" or "cls" in NAME.json.
type tarReader struct {
	path    string
	size    int64
	members tarMembers
	labels  *labelTexts
	leftOut *leftOuts

	key     string // of the sample being read
	picture *tarMember
	label   string
}

func readTar(file string, labels *labelTexts, leftOut *leftOuts) (tarMembers, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := &tarReader{path: file, size: info.Size(), labels: labels, leftOut: leftOut}
	err = r.read(f)
	if err == nil {
		err = checkEnd(f, r.size)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r.members, nil
}

// checkEnd returns an error if the block of zeros at the end of a tar file is missing: the file was
// cut off, perhaps between two members, which the tar reader takes for the end.
func checkEnd(f io.ReaderAt, size int64) error {
	var end [512]byte
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil || end != [512]byte{} {
		return errors.New("the block of zeros at the end is missing: the file is cut off")
	}
	return nil
}

func (r *tarReader) read(f io.ReadSeeker) error {
	archive := tar.NewReader(f)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			r.finish()
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d pictures: %w", len(r.members), err)
		}
		if err := r.member(archive, f, header); err != nil {
			return fmt.Errorf("%s: %w", printable(header.Name), err)
		}
	}
}

// member adds a member. Its content begins at the file reader's offset.
func (r *tarReader) member(archive *tar.Reader, f io.Seeker, header *tar.Header) error {
	switch {
	case header.Typeflag == tar.TypeDir:
		return nil
	case header.Typeflag != tar.TypeReg || isSparse(header):
		r.leftOut.add(r.path, specialMembers, header.Name)
		return nil
	case isSystem(path.Base(header.Name)):
		r.leftOut.add(r.path, systemFiles, header.Name)
		return nil
	}
	offset, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if header.Size > r.size-offset {
		return fmt.Errorf("got %d bytes at byte %d of %d: the file is cut off", header.Size, offset, r.size)
	}
	key, extension := splitMember(header.Name)
	if key != r.key {
		r.finish()
		r.key = key
	}
	switch {
	case extension == ".cls":
		return r.readLabel(archive, header.Size, maxLabelFile,
			func(data []byte) { r.label = strings.TrimSpace(string(data)) })
	case extension == ".json":
		return r.readLabel(archive, header.Size, maxLabelJSON, r.labelOfJSON)
	case !picture.HasExtension(header.Name) || r.picture != nil:
		r.leftOut.add(r.path, otherMembers, header.Name)
	default:
		r.picture = &tarMember{file: &r.path, name: header.Name, offset: offset, size: header.Size}
	}
	return nil
}

// isSparse reports whether a member's bytes aren't those of its content.
func isSparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse") {
			return true
		}
	}
	return false
}

// splitMember divides a name at the first dot of its base.
func splitMember(name string) (key, extension string) {
	dir, base := path.Split(name)
	stem, _, dotted := strings.Cut(base, ".")
	if !dotted {
		return name, ""
	}
	return dir + stem, strings.ToLower(base[len(stem):])
}

func (r *tarReader) readLabel(archive io.Reader, size, most int64, use func(data []byte)) error {
	if size > most {
		return fmt.Errorf("got a label of %d bytes, want at most %d", size, most)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(archive, data); err != nil {
		return err
	}
	use(data)
	return nil
}

// labelOfJSON reads the label of a sample without a .cls file.
func (r *tarReader) labelOfJSON(data []byte) {
	var fields struct{ Label, Cls jsonLabel }
	if json.Unmarshal(data, &fields) != nil || r.label != "" {
		return
	}
	r.label = string(fields.Label)
	if r.label == "" {
		r.label = string(fields.Cls)
	}
}

// finish adds the sample whose members have been read.
func (r *tarReader) finish() {
	switch {
	case r.picture == nil:
	case r.label == "" || strings.HasPrefix(r.label, "-"):
		r.leftOut.add(r.path, unlabelled, r.picture.name)
	default:
		r.members = append(r.members, *r.picture)
		r.labels.add(r.label)
	}
	r.picture, r.label = nil, ""
}
