package wire

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the format's own checksum, not a protection
	"encoding/binary"
)

// The Kinesis Producer Library's aggregation format: magic, a protobuf message
// AggregatedRecord, the MD5 of the message. Source:
// https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
var kplMagic = []byte{0xF3, 0x89, 0x9A, 0xC2}

// Field numbers of AggregatedRecord and Record.
const (
	kplRecords    = 3
	kplRecordData = 3
)

// deaggregate returns the data of the sub-records. ok is false when data is not
// an aggregate: then it is a plain record, as the format's description says of
// a wrong magic, length or checksum. Hash keys are not looked at: a consumer
// that drops by hash range loses records after a split.
func deaggregate(data []byte) (subs [][]byte, ok bool) {
	if !bytes.HasPrefix(data, kplMagic) || len(data) <= len(kplMagic)+md5.Size {
		return nil, false
	}
	message := data[len(kplMagic) : len(data)-md5.Size]
	sum := md5.Sum(message) //nolint:gosec // see above
	if !bytes.Equal(sum[:], data[len(data)-md5.Size:]) {
		return nil, false
	}
	ok = protoFields(message, func(field int, value []byte) bool {
		if field != kplRecords {
			return true
		}
		var sub []byte
		has := false
		if !protoFields(value, func(field int, value []byte) bool {
			if field == kplRecordData {
				sub, has = value, true
			}
			return true
		}) || !has {
			return false
		}
		subs = append(subs, sub)
		return true
	})
	return subs, ok
}

// protoFields calls fn for each length-delimited field of a protobuf message
// and skips the others. It returns false when the message is malformed or fn
// says so.
func protoFields(b []byte, fn func(field int, value []byte) bool) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		switch tag & 7 {
		case 0: // varint
			if _, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			b = b[n:]
		case 1: // 64 bits
			if len(b) < 8 {
				return false
			}
			b = b[8:]
		case 2: // length-delimited
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return false
			}
			if !fn(int(tag>>3), b[n:n+int(size)]) {
				return false
			}
			b = b[n+int(size):]
		case 5: // 32 bits
			if len(b) < 4 {
				return false
			}
			b = b[4:]
		default:
			return false
		}
	}
	return true
}
