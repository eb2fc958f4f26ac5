package train

import (
	"fmt"
	"slices"
	"strings"
)

// A Setting is one of the things that decide a training's result: the model, the data, a flag.
type Setting struct{ Name, Value string }

// Differences returns a line for each setting in which the run of a checkpoint differs. Of long
// values, such as a model's spec, a line has only the part around the first difference.
func (c *Checkpoint) Differences(settings []Setting) []string {
	var differences []string
	for _, now := range settings {
		then, known := find(c.Settings, now.Name)
		switch {
		case !known:
			differences = append(differences, fmt.Sprintf("%s: now %s, not known then", now.Name, now.Value))
		case then.Value != now.Value:
			was, is := excerpts(then.Value, now.Value)
			differences = append(differences, fmt.Sprintf("%s: %s then, %s now", now.Name, was, is))
		}
	}
	for _, then := range c.Settings {
		if _, known := find(settings, then.Name); !known {
			differences = append(differences, fmt.Sprintf("%s: %s then, not given now", then.Name, then.Value))
		}
	}
	return differences
}

func find(settings []Setting, name string) (Setting, bool) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return settings[i], true
}

const (
	longestValue  = 100 // bytes of a value that is shown whole
	excerptBefore = 30  // bytes of an excerpt before the first difference
)

// excerpts shortens two different values to the part around their first difference, if either is
// long.
func excerpts(a, b string) (string, string) {
	if max(len(a), len(b)) <= longestValue {
		return a, b
	}
	common := 0
	for common < min(len(a), len(b)) && a[common] == b[common] {
		common++
	}
	return excerpt(a, common-excerptBefore), excerpt(b, common-excerptBefore)
}

// excerpt returns the part of a text from a byte on.
func excerpt(text string, from int) string {
	before, after := "", ""
	if from > 0 {
		before, text = "…", text[from:]
	}
	if len(text) > longestValue {
		text, after = text[:longestValue], "…"
	}
	return before + strings.ToValidUTF8(text, "") + after
}
