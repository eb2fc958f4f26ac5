package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxClasses bounds the classes of a set, so that a stray label can't exhaust memory: a batch has a
// target for each.
const maxClasses = 1 << 16

// labelTexts collects the labels of a set's samples, numbers or names. It keeps each text once.
type labelTexts struct {
	ids   map[string]int32
	texts []string
	of    []int32 // the text of each sample
}

func (l *labelTexts) add(text string) {
	id, known := l.ids[text]
	if !known {
		if l.ids == nil {
			l.ids = map[string]int32{}
		}
		id = int32(len(l.texts))
		l.ids[text] = id
		l.texts = append(l.texts, text)
	}
	l.of = append(l.of, id)
}

// number assigns each sample its label and each class its name. With declared names a label is one
// of them or its number from 0. Without, labels that are all whole numbers are used as they are,
// and others are numbered in sorted order.
func (l *labelTexts) number(declared []string) (labels []int32, classes []string, err error) {
	if len(l.texts) > maxClasses || len(declared) > maxClasses {
		return nil, nil,
			fmt.Errorf("got %d different labels, want at most %d", max(len(l.texts), len(declared)), maxClasses)
	}
	numbers, numeric := l.numbers()
	var byText map[string]int32
	switch {
	case declared != nil:
		classes, byText = normalized(declared), indexed(normalized(declared))
	case numeric:
		classes, err = l.numberedClasses(numbers)
	default:
		classes = normalized(l.texts)
		slices.Sort(classes)
		classes = slices.Compact(classes)
		byText = indexed(classes)
	}
	if err != nil {
		return nil, nil, err
	}
	label := make([]int32, len(l.texts))
	for id, text := range l.texts {
		if !utf8.ValidString(text) {
			return nil, nil, fmt.Errorf("got label %q, want a name in UTF-8", text)
		}
		k, found := byText[norm.NFC.String(text)]
		switch {
		case found:
			label[id] = k
		case numbers[id] >= 0 && int(numbers[id]) < len(classes):
			label[id] = numbers[id]
		default:
			return nil, nil, fmt.Errorf("got label %q, want one of %d: %s", text, len(classes), abbreviate(classes))
		}
	}
	labels = make([]int32, len(l.of))
	for i, id := range l.of {
		labels[i] = label[id]
	}
	return labels, classes, nil
}

// numbers parses the texts as whole numbers from 0, with -1 for others. numeric reports whether all
// are.
func (l *labelTexts) numbers() (numbers []int32, numeric bool) {
	numbers, numeric = make([]int32, len(l.texts)), true
	for id, text := range l.texts {
		v, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			numbers[id], numeric = -1, false
			continue
		}
		numbers[id] = int32(v)
	}
	return numbers, numeric
}

// numberedClasses returns the number of classes that the largest label implies. If most of the
// numbers below it don't occur, the labels are corrupt, unless there are few.
func (l *labelTexts) numberedClasses(numbers []int32) ([]string, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	classes := int(slices.Max(numbers)) + 1
	if classes > maxClasses || len(l.of) >= 10*classes && 2*len(l.texts) <= classes {
		return nil, fmt.Errorf("got label %d, but only %d of the labels 0 to %d occur: want classes numbered from 0",
			classes-1, len(l.texts), classes-1)
	}
	return numberedNames(classes), nil
}

func normalized(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = norm.NFC.String(name)
	}
	return all
}

func indexed(names []string) map[string]int32 {
	index := make(map[string]int32, len(names))
	for i, name := range names {
		index[name] = int32(i)
	}
	return index
}

// jsonLabel is a label in JSON: a text or a number.
type jsonLabel string

// UnmarshalJSON reads a text or a number.
func (l *jsonLabel) UnmarshalJSON(data []byte) error {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		return json.Unmarshal(data, (*string)(l))
	}
	*l = ""
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		*l = jsonLabel(strconv.FormatInt(v, 10))
	}
	return nil
}
