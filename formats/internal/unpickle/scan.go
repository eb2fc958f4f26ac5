package unpickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A pickle is a program for a small stack machine. scan reads it once without running it. Before
// anything is built, it refuses by name any class that the machine would call itself, and any
// length beyond the input, with its offset.

// machineClasses are classes that gopickle handles itself. Some of them copy their arguments, so
// that a small file could take any amount of memory.
var machineClasses = map[string]bool{
	"builtins.list": true, "builtins.dict": true, "__builtin__.object": true,
	"array._array_reconstructor": true, "copy_reg._reconstructor": true,
}

const (
	// maxOpcodes bounds what the machine may build besides the arrays' own bytes, some 300 bytes
	// for each opcode. A file of parameters needs about 20 opcodes for each array.
	maxOpcodes = 1 << 18
	// maxMarks bounds the nesting of unfinished containers.
	maxMarks = 256
	// maxName is the longest text that may be a module's or a class's name.
	maxName = 200
)

// scanner follows just enough of the machine's state to know the strings that a STACK_GLOBAL takes
// from the stack.
type scanner struct {
	data   []byte
	at     int // offset of the next opcode
	allow  map[string]any
	marks  int
	pushed []name       // the consecutive pushes just before this opcode
	memo   map[int]name // the machine's memo, with strings only
}

// name is a value that the scanner knows to be a string, or doesn't know.
type name struct {
	text  string
	known bool
}

func text(argument []byte) name {
	if len(argument) > maxName {
		return name{}
	}
	return name{string(argument), true}
}

// scan checks the pickle at the start of data and returns its length.
func scan(data []byte, allow map[string]any, persistent bool) (int, error) {
	s := &scanner{data: data, allow: allow, memo: map[int]name{}}
	for count := 0; ; count++ {
		if count == maxOpcodes {
			return 0, fmt.Errorf("got more than %d opcodes: not a file of arrays", maxOpcodes)
		}
		start := s.at
		code, err := s.take(1)
		if err != nil {
			return 0, fmt.Errorf("pickle is cut off at byte %d: it has no STOP", start)
		}
		op, known := opcodes[code[0]]
		switch {
		case !known:
			return 0, fmt.Errorf("byte %d: unknown opcode 0x%02x: not a pickle, or corrupt", start, code[0])
		case count == 0 && op.name != "PROTO":
			return 0, fmt.Errorf("got 0x%02x, want a pickle of protocol 2 or later, which begins with 0x80", code[0])
		case op.refused, op.name == "BINPERSID" && !persistent:
			return 0, fmt.Errorf("byte %d: opcode %s: not used in files of arrays", start, op.name)
		}
		if err := s.step(op); err != nil {
			return 0, fmt.Errorf("byte %d: %s: %w", start, op.name, err)
		}
		if op.name == "STOP" {
			return s.at, nil
		}
	}
}

// step reads one opcode's argument and follows its effect.
func (s *scanner) step(op opcode) error {
	argument, err := s.argument(op.arg)
	if err != nil {
		return err
	}
	switch op.effect {
	case pushString:
		s.pushed = append(s.pushed, text(argument))
	case put:
		s.memo[number(argument)] = s.top()
	case memoize:
		s.memo[len(s.memo)] = s.top()
	case get:
		s.pushed = append(s.pushed, s.memo[number(argument)])
	case global:
		module, class, _ := bytes.Cut(argument, []byte{'\n'})
		s.pushed = nil
		return s.check(string(module), string(class))
	case stackGlobal:
		return s.checkStack()
	case mark:
		s.pushed = nil
		if s.marks++; s.marks > maxMarks {
			return fmt.Errorf("containers nest deeper than %d", maxMarks)
		}
	case popMark:
		s.pushed = nil
		if s.marks--; s.marks < 0 {
			return fmt.Errorf("no MARK before it")
		}
	case protocol:
		if version := argument[0]; version < 2 || version > 5 {
			return fmt.Errorf("protocol: got %d, want 2 to 5", version)
		}
	case frame:
		if size := binary.LittleEndian.Uint64(argument); size > uint64(len(s.data)-s.at) {
			return fmt.Errorf("frame length: got %d, want at most %d, the rest of the file", size, len(s.data)-s.at)
		}
	default:
		s.pushed = nil
	}
	return nil
}

// top is the value that a PUT stores: the string pushed just before, or something unknown.
func (s *scanner) top() name {
	if len(s.pushed) == 0 {
		return name{}
	}
	return s.pushed[len(s.pushed)-1]
}

// checkStack resolves STACK_GLOBAL. Every pickler pushes the two names just before it, as text or
// from the memo.
func (s *scanner) checkStack() error {
	n := len(s.pushed)
	if n < 2 || !s.pushed[n-2].known || !s.pushed[n-1].known {
		return fmt.Errorf("no class name before it")
	}
	module, class := s.pushed[n-2].text, s.pushed[n-1].text
	s.pushed = nil
	return s.check(module, class)
}

func (s *scanner) check(module, class string) error {
	full := module + "." + class
	if _, ok := s.allow[full]; !ok && machineClasses[full] {
		return notAllowed(full)
	}
	return nil
}

// argument reads an opcode's argument; if it is counted, the bytes without their count.
func (s *scanner) argument(arg argument) ([]byte, error) {
	switch arg {
	case count1, count4, count8:
		length, err := s.take(countSize[arg])
		if err != nil {
			return nil, err
		}
		var wide [8]byte
		copy(wide[:], length)
		size := binary.LittleEndian.Uint64(wide[:])
		if size > uint64(len(s.data)-s.at) {
			return nil, fmt.Errorf("length: got %d, want at most %d, the rest of the file", size, len(s.data)-s.at)
		}
		return s.take(int(size))
	case twoLines:
		begin := s.at
		for range 2 {
			end := bytes.IndexByte(s.data[s.at:], '\n')
			if end < 0 {
				return nil, fmt.Errorf("line without end")
			}
			s.at += end + 1
		}
		return s.data[begin : s.at-1], nil
	default:
		return s.take(int(arg))
	}
}

func (s *scanner) take(n int) ([]byte, error) {
	if n > len(s.data)-s.at {
		return nil, fmt.Errorf("got %d bytes, want %d", len(s.data)-s.at, n)
	}
	taken := s.data[s.at : s.at+n]
	s.at += n
	return taken, nil
}

// number decodes a memo index of 1 or 4 bytes.
func number(argument []byte) int {
	var wide [8]byte
	copy(wide[:], argument)
	return int(binary.LittleEndian.Uint64(wide[:]))
}
