package outfile

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// packer packs pieces of a file, each so that the file may be cut and continued
// behind it: as a gzip member, or a Zstandard frame. Any program that unpacks
// those takes several, one behind the other, for one.
type packer struct {
	how  string // a compression of infile; none when empty
	gzip *gzip.Writer
	zstd *zstd.Encoder
}

// appender is a slice to write to.
type appender []byte

// Write implements io.Writer.
func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// isNone reports whether nothing is packed.
func (p *packer) isNone() bool { return p.how == "" || p.how == infile.CompressionNone }

// append appends text to dst as one piece.
func (p *packer) append(dst, text []byte) ([]byte, error) {
	if p.how == infile.CompressionZstd {
		if p.zstd == nil {
			var err error
			if p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20)); err != nil {
				return dst, err
			}
		}
		return p.zstd.EncodeAll(text, dst), nil
	}
	out := appender(dst)
	if p.gzip == nil {
		p.gzip = gzip.NewWriter(&out)
	} else {
		p.gzip.Reset(&out)
	}
	if _, err := p.gzip.Write(text); err != nil {
		return dst, err
	}
	err := p.gzip.Close()
	return out, err
}

// close gives up what packing holds.
func (p *packer) close() error {
	encoder := p.zstd
	p.zstd = nil
	if encoder == nil {
		return nil
	}
	return encoder.Close()
}

// stored appends text to dst as a piece that is not made smaller. Its bytes are
// laid down by the formats and depend on no version of a packer: a restart makes
// them again and compares.
func (p *packer) stored(dst, text []byte) []byte {
	if p.how == infile.CompressionZstd {
		return storedFrame(dst, text)
	}
	return storedMember(dst, text)
}

// storedMember appends a gzip member (RFC 1952) of stored blocks (RFC 1951).
func storedMember(dst, text []byte) []byte {
	const most = 1<<16 - 1
	dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff) // deflate; no name, time or system
	for rest := text; ; {
		block := rest[:min(len(rest), most)]
		rest = rest[len(block):]
		last := byte(0)
		if len(rest) == 0 {
			last = 1
		}
		size := uint16(len(block)) //nolint:gosec // bounded by most
		dst = append(dst, last)
		dst = binary.LittleEndian.AppendUint16(dst, size)
		dst = binary.LittleEndian.AppendUint16(dst, ^size)
		dst = append(dst, block...)
		if last == 1 {
			break
		}
	}
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(text))) //nolint:gosec // modulo 2^32, as RFC 1952 says
}

// storedFrame appends a Zstandard frame (RFC 8878) of raw blocks.
func storedFrame(dst, text []byte) []byte {
	const (
		most       = 128 << 10
		descriptor = 0xe0 // the size in eight bytes, which is that of the window too; no checksum
	)
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd, descriptor)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(text)))
	for rest := text; ; {
		block := rest[:min(len(rest), most)]
		rest = rest[len(block):]
		head := uint32(len(block)) << 3 //nolint:gosec // bounded by most
		if len(rest) == 0 {
			head |= 1
		}
		dst = append(dst, byte(head), byte(head>>8), byte(head>>16)) //nolint:gosec // its three bytes
		dst = append(dst, block...)
		if len(rest) == 0 {
			return dst
		}
	}
}
