package partfile

// join returns the state of a file that consists of both.
func (s State) join(tail State) State {
	return State{Length: s.Length + tail.Length, CRC: shiftCRC(s.CRC, tail.Length) ^ tail.CRC}
}

// without returns the state of what is behind the bytes of head, with which s
// begins.
func (s State) without(head State) State {
	length := s.Length - head.Length
	return State{Length: length, CRC: s.CRC ^ shiftCRC(head.CRC, length)}
}

// A CRC is linear: that of a||b is that of a, moved over the length of b, plus
// that of b. To move over n zero bytes is to multiply with a matrix over bits,
// to the power of n, which squaring finds in as many steps as n has bits.
type crcMatrix [32]uint32

// times applies the matrix to a CRC.
func (m *crcMatrix) times(crc uint32) (product uint32) {
	for i := 0; crc != 0; i, crc = i+1, crc>>1 {
		if crc&1 != 0 {
			product ^= m[i]
		}
	}
	return product
}

// square returns the matrix that moves twice as far.
func (m *crcMatrix) square() *crcMatrix {
	var twice crcMatrix
	for i := range twice {
		twice[i] = m.times(m[i])
	}
	return &twice
}

// oneZeroBit moves a CRC over one bit.
func oneZeroBit() *crcMatrix {
	const castagnoli = 0x82f63b78 // reversed, as the bits of the CRC are
	m := crcMatrix{castagnoli}
	for i := 1; i < len(m); i++ {
		m[i] = 1 << (i - 1)
	}
	return &m
}

// shiftCRC moves a CRC over length bytes.
func shiftCRC(crc uint32, length int64) uint32 {
	m := oneZeroBit().square().square().square() // one byte
	for ; length > 0; length >>= 1 {
		if length&1 != 0 {
			crc = m.times(crc)
		}
		m = m.square()
	}
	return crc
}
