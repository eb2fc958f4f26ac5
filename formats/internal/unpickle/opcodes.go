package unpickle

// argument is the form of an opcode's argument; 0 to 8 is a number of bytes.
type argument int

const (
	count1   argument = iota + 100 // a count of 1 byte, then that many bytes
	count4                         // a count of 4 bytes
	count8                         // a count of 8 bytes
	twoLines                       // two lines of text
)

var countSize = map[argument]int{count1: 1, count4: 4, count8: 8}

// effect is an opcode's effect on the part of the machine's state that scan follows.
type effect int

const (
	other effect = iota
	pushString
	put
	memoize
	get
	global
	stackGlobal
	mark
	popMark
	protocol
	frame
)

type opcode struct {
	name    string
	arg     argument
	effect  effect
	refused bool
}

// opcodes is Python's pickletools table. Refused opcodes don't occur in files of arrays of protocol
// 2 to 5: text forms of protocol 0, extension codes, instances of old classes, buffers outside of
// the file, and pops from the stack.
var opcodes = map[byte]opcode{
	0x80: {name: "PROTO", arg: 1, effect: protocol},
	0x95: {name: "FRAME", arg: 8, effect: frame},
	'.':  {name: "STOP"},

	'N':  {name: "NONE"},
	0x88: {name: "NEWTRUE"},
	0x89: {name: "NEWFALSE"},
	'J':  {name: "BININT", arg: 4},
	'K':  {name: "BININT1", arg: 1},
	'M':  {name: "BININT2", arg: 2},
	0x8a: {name: "LONG1", arg: count1},
	'G':  {name: "BINFLOAT", arg: 8},

	'X':  {name: "BINUNICODE", arg: count4, effect: pushString},
	0x8c: {name: "SHORT_BINUNICODE", arg: count1, effect: pushString},
	0x8d: {name: "BINUNICODE8", arg: count8, effect: pushString},
	'T':  {name: "BINSTRING", arg: count4, effect: pushString},
	'U':  {name: "SHORT_BINSTRING", arg: count1, effect: pushString},
	'B':  {name: "BINBYTES", arg: count4},
	'C':  {name: "SHORT_BINBYTES", arg: count1},
	0x8e: {name: "BINBYTES8", arg: count8},
	0x96: {name: "BYTEARRAY8", arg: count8},

	')':  {name: "EMPTY_TUPLE"},
	0x85: {name: "TUPLE1"},
	0x86: {name: "TUPLE2"},
	0x87: {name: "TUPLE3"},
	't':  {name: "TUPLE", effect: popMark},
	']':  {name: "EMPTY_LIST"},
	'a':  {name: "APPEND"},
	'e':  {name: "APPENDS", effect: popMark},
	'}':  {name: "EMPTY_DICT"},
	's':  {name: "SETITEM"},
	'u':  {name: "SETITEMS", effect: popMark},
	'(':  {name: "MARK", effect: mark},

	'q':  {name: "BINPUT", arg: 1, effect: put},
	'r':  {name: "LONG_BINPUT", arg: 4, effect: put},
	0x94: {name: "MEMOIZE", effect: memoize},
	'h':  {name: "BINGET", arg: 1, effect: get},
	'j':  {name: "LONG_BINGET", arg: 4, effect: get},

	'c':  {name: "GLOBAL", arg: twoLines, effect: global},
	0x93: {name: "STACK_GLOBAL", effect: stackGlobal},
	'R':  {name: "REDUCE"},
	0x81: {name: "NEWOBJ"},
	0x92: {name: "NEWOBJ_EX"},
	0x8f: {name: "EMPTY_SET"},
	0x90: {name: "ADDITEMS", effect: popMark},
	0x91: {name: "FROZENSET", effect: popMark},
	'b':  {name: "BUILD"},
	'Q':  {name: "BINPERSID"},

	'I': {name: "INT", refused: true}, 'L': {name: "LONG", refused: true}, 'F': {name: "FLOAT", refused: true},
	'S': {name: "STRING", refused: true}, 'V': {name: "UNICODE", refused: true},
	'p': {name: "PUT", refused: true}, 'g': {name: "GET", refused: true}, 'P': {name: "PERSID", refused: true},
	'l': {name: "LIST", refused: true}, 'd': {name: "DICT", refused: true},
	'i': {name: "INST", refused: true}, 'o': {name: "OBJ", refused: true},
	'0': {name: "POP", refused: true}, '1': {name: "POP_MARK", refused: true}, '2': {name: "DUP", refused: true},
	0x8b: {name: "LONG4", refused: true},
	0x82: {name: "EXT1", refused: true}, 0x83: {name: "EXT2", refused: true}, 0x84: {name: "EXT4", refused: true},
	0x97: {name: "NEXT_BUFFER", refused: true}, 0x98: {name: "READONLY_BUFFER", refused: true},
}
