// Command specschema writes docs/spec.schema.json, the JSON Schema of a network's file. It reads
// the kinds from package graph's table of layers, the fields from their types, and the descriptions
// from their comments. go generate ./graph runs it.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"convgraph/graph"
)

func main() {
	log.SetFlags(0)
	root := ".." // of go generate in graph
	text, err := schema(filepath.Join(root, "graph"))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "docs", "spec.schema.json"), []byte(text), 0o644); err != nil {
		log.Fatal(err)
	}
}

// schema returns the text of the schema, with the comments of the Go files in a folder.
func schema(source string) (string, error) {
	comments, err := read(source)
	if err != nil {
		return "", err
	}
	var cases, definitions []string
	for _, kind := range graph.Kinds() {
		layer, _ := graph.LayerOfKind(kind)
		cases = append(cases,
			fmt.Sprintf(`        {"if": {"properties": {"kind": {"const": %q}}}, "then": {"$ref": "#/$defs/%s"}}`, kind,
				kind))
		text, err := definition(kind, layer, comments)
		if err != nil {
			return "", err
		}
		definitions = append(definitions, text)
	}
	kinds, err := quoted(graph.Kinds())
	if err != nil {
		return "", err
	}
	losses, err := quoted(graph.Losses())
	if err != nil {
		return "", err
	}
	return strings.NewReplacer(
		"LOSSES", losses, "KINDS", kinds, "CASES", strings.Join(cases, ",\n"), "LAYERS",
		strings.Join(definitions, ",\n"),
	).Replace(frame), nil
}

// comments maps types and fields, "Conv2D" and "Conv2D.Stride", to their comments.
type comments map[string]string

func read(folder string) (comments, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	found := comments{}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.TYPE && len(d.Specs) == 1 {
				found.add(d.Specs[0].(*ast.TypeSpec), d.Doc)
			}
		}
	}
	return found, nil
}

func (c comments) add(t *ast.TypeSpec, doc *ast.CommentGroup) {
	c[t.Name.Name] = line(doc)
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			c[t.Name.Name+"."+name.Name] = strings.TrimSpace(line(f.Doc) + " " + line(f.Comment))
		}
	}
}

// line returns the first paragraph of a comment as one line.
func line(doc *ast.CommentGroup) string {
	first, _, _ := strings.Cut(doc.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}

// definition returns the schema of a kind of layer.
func definition(kind string, layer graph.Layer, comments comments) (string, error) {
	t := reflect.TypeOf(layer)
	_, isJoin := layer.(graph.Join)
	from, required := `{"$ref": "#/$defs/from"}`, []string{}
	if isJoin {
		from, required = `{"$ref": "#/$defs/joined"}`, []string{"from"}
	}
	properties := []string{`        "kind": {}`, `        "from": ` + from}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		text, err := property(f, !tagged || options == "")
		if err != nil {
			return "", fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}
		if options == "" {
			required = append(required, name)
		}
		if comment := comments[t.Name()+"."+f.Name]; comment != "" {
			quote, err := quoted(comment)
			if err != nil {
				return "", err
			}
			text = strings.TrimSuffix(text, "}") + `, "description": ` + quote + "}"
		}
		properties = append(properties, fmt.Sprintf("        %q: %s", name, text))
	}
	description, err := quoted(comments[t.Name()])
	if err != nil {
		return "", err
	}
	requires, err := quoted(required)
	return fmt.Sprintf("    %q: {\n      \"description\": %s,\n      \"required\": "+
		"%s,\n      \"additionalProperties\": false,\n      \"properties\": {\n%s\n      }\n    }",
		kind, description, requires, strings.Join(properties, ",\n")), err
}

// bounds limits numbers by their names, in every layer.
var bounds = map[string]string{
	"rate":      `"minimum": 0, "exclusiveMaximum": 1`,
	"momentum":  `"minimum": 0, "maximum": 1`,
	"eps":       `"minimum": 0`,
	"k":         `"exclusiveMinimum": 0`,
	"deviation": `"exclusiveMinimum": 0`,
}

// property returns the schema of a field, a JSON object.
func property(f reflect.StructField, required bool) (string, error) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	number := `"type": "number"`
	if bound := bounds[name]; bound != "" {
		number += ", " + bound
	}
	switch f.Type {
	case reflect.TypeFor[string]():
		if name == "name" {
			return `{"$ref": "#/$defs/name"}`, nil
		}
		return `{"type": "string"}`, nil
	case reflect.TypeFor[bool]():
		return `{"type": "boolean"}`, nil
	case reflect.TypeFor[int]():
		least := 0
		if required {
			least = 1
		}
		return fmt.Sprintf(`{"type": "integer", "minimum": %d}`, least), nil
	case reflect.TypeFor[float64]():
		return "{" + number + "}", nil
	case reflect.TypeFor[[]float64]():
		return `{"type": "array", "minItems": 1, "items": {` + number + `}}`, nil
	case reflect.TypeFor[[2]float64](), reflect.TypeFor[[4]float64]():
		return fmt.Sprintf(`{"type": "array", "minItems": %[1]d, "maxItems": %[1]d, "items": {%[2]s}}`, f.Type.Len(),
			number), nil
	case reflect.TypeFor[graph.Init]():
		return `{"$ref": "#/$defs/init"}`, nil
	case reflect.TypeFor[graph.Pair]():
		if required {
			return `{"$ref": "#/$defs/size"}`, nil
		}
		return `{"$ref": "#/$defs/distance"}`, nil
	case reflect.TypeFor[[]int]():
		return `{"type": "array", "items": {"type": "integer"}}`, nil
	case reflect.TypeFor[[][]int]():
		return `{"type": "array", "items": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": ` +
			`"integer", "minimum": 0}}}`, nil
	}
	return "", fmt.Errorf("got a field of type %v: want one that the schema knows", f.Type)
}

// quoted returns a value as JSON on one line, with spaces between a list's elements.
func quoted(value any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	text := strings.TrimSpace(b.String())
	if strings.HasPrefix(text, "[") {
		text = strings.ReplaceAll(text, `","`, `", "`)
	}
	return text, err
}
