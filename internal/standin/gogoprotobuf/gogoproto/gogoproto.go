// Package gogoproto replaces github.com/gogo/protobuf/gogoproto, which registers options that
// only a generator of code reads.
package gogoproto
