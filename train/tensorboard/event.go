package tensorboard

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// event is TensorFlow's message Event (tensorflow/core/util/event.proto) as protocol buffers encode
// it. The field numbers below are those of event.proto and, inside a summary, of summary.proto in
// tensorflow/core/framework.
type event []byte

func newEvent(at time.Time, step int) event {
	e := appendDouble(nil, 1, float64(at.UnixNano())/1e9)
	if step == 0 {
		return e // protocol buffers omit zeros
	}
	return appendVarint(e, 2, uint64(step))
}

// version marks the file as one of events; it is the first event of the file.
func (e event) version() event { return appendBytes(e, 3, []byte("brain.Event:2")) }

// start marks the start of a program at the event's step: events of an earlier program for this and
// later steps don't count.
func (e event) start() event {
	const started = 1
	return appendBytes(e, 7, appendVarint(nil, 1, started))
}

// summary adds values to the event.
func (e event) summary(values ...value) event {
	var s []byte
	for _, v := range values {
		s = appendBytes(s, 1, v)
	}
	return appendBytes(e, 5, s)
}

// value is the message Summary.Value: a tag and the data to show under it.
type value []byte

func tagged(tag string) value { return appendBytes(nil, 1, []byte(tag)) }

func scalar(tag string, v float64) value {
	b := protowire.AppendTag(tagged(tag), 2, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, math.Float32bits(float32(v)))
}

func picture(tag string, img image.Image) (value, error) {
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, img); err != nil {
		return nil, err
	}
	const rgba = 4
	b := appendVarint(nil, 1, uint64(img.Bounds().Dy()))
	b = appendVarint(b, 2, uint64(img.Bounds().Dx()))
	b = appendVarint(b, 3, rgba)
	b = appendBytes(b, 4, encoded.Bytes())
	return appendBytes(tagged(tag), 4, b), nil
}

func histogram(tag string, h bins) value {
	var b []byte
	for i, v := range []float64{h.min, h.max, float64(h.count), h.sum, h.squares} {
		b = appendDouble(b, protowire.Number(i+1), v)
	}
	b = appendDoubles(b, 6, h.limits)
	b = appendDoubles(b, 7, h.counts)
	return appendBytes(tagged(tag), 5, b)
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

// appendDoubles appends a packed repeated field.
func appendDoubles(b []byte, field protowire.Number, values []float64) []byte {
	var packed []byte
	for _, v := range values {
		packed = protowire.AppendFixed64(packed, math.Float64bits(v))
	}
	return appendBytes(b, field, packed)
}
