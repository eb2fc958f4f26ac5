package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is the CRC-32C in TFRecord's form: rotated and shifted, so that the checksum of data
// that contains checksums is still good.
func maskedCRC(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// writeRecord writes data in TFRecord's frame, all little-endian:
//
//	length     uint64
//	masked CRC uint32, of the length's eight bytes
//	data
//	masked CRC uint32, of the data
func writeRecord(w io.Writer, data []byte) error {
	frame := binary.LittleEndian.AppendUint64(make([]byte, 0, len(data)+16), uint64(len(data)))
	frame = binary.LittleEndian.AppendUint32(frame, maskedCRC(frame))
	frame = append(frame, data...)
	frame = binary.LittleEndian.AppendUint32(frame, maskedCRC(data))
	_, err := w.Write(frame)
	return err
}
