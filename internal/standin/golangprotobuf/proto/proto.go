// Package proto replaces github.com/golang/protobuf/proto: it declares what the generated code
// of gorgonia.org/tensor names. It registers nothing and prints no message.
package proto

// ProtoPackageIsVersion2 is what generated code checks at compile time.
const ProtoPackageIsVersion2 = true

// Message is a generated type.
type Message interface {
	Reset()
	String() string
	ProtoMessage()
}

// Marshal panics: messages write themselves by a method of their own.
func Marshal(Message) ([]byte, error) { panic(absent) }

// CompactTextString panics.
func CompactTextString(Message) string { panic(absent) }

// RegisterType does nothing.
func RegisterType(Message, string) {}

// RegisterEnum does nothing.
func RegisterEnum(string, map[int32]string, map[string]int32) {}

// RegisterFile does nothing.
func RegisterFile(string, []byte) {}

const absent = "github.com/golang/protobuf isn't in this program: see internal/standin"
