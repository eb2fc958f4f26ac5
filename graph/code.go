package graph

import (
	"fmt"
	"reflect"
	"strings"
)

// Code returns a layer as the Go code that makes it, without the package's name: every field that
// isn't zero, except the layer's own name.
//
//	Conv2D{Filters: 64, Kernel: Square(7), Stride: Square(2), Pad: Square(3)}
func Code(l Layer) string {
	l, _ = Reads(l)
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return fmt.Sprintf("%T", l)
	}
	var fields []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Anonymous || f.Name == "Name" || v.Field(i).IsZero() {
			continue
		}
		fields = append(fields, f.Name+": "+valueCode(v.Field(i).Interface()))
	}
	return v.Type().Name() + "{" + strings.Join(fields, ", ") + "}"
}

// longestList is the number of elements of a list that Code shows.
const longestList = 4

func valueCode(value any) string {
	switch v := value.(type) {
	case Pair:
		if v[0] == v[1] {
			return fmt.Sprintf("Square(%d)", v[0])
		}
		return fmt.Sprintf("Pair{%d, %d}", v[0], v[1])
	case Init:
		return v.code()
	case string:
		return fmt.Sprintf("%q", v)
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice {
		return v.Type().String() + listCode(v)
	}
	return fmt.Sprint(value)
}

// listCode returns a list's elements in braces: {{0, 1, 2}, {1, 2, 3}}.
func listCode(v reflect.Value) string {
	var elements []string
	for i := range min(v.Len(), longestList) {
		e := v.Index(i)
		if e.Kind() == reflect.Slice {
			elements = append(elements, listCode(e))
			continue
		}
		elements = append(elements, valueCode(e.Interface()))
	}
	if v.Len() > longestList {
		elements = append(elements, "…")
	}
	return "{" + strings.Join(elements, ", ") + "}"
}
