package component

// Framer is implemented by the writers of text files. Frame gives the file a
// first and a last line; a nil function gives none. It is called before Open. The
// footer is asked for at the end of the step, with the number of rows, and at the
// opening of a restart, as of the checkpoint, to find out whether the file was
// published: it must depend on nothing but what the checkpoints hold.
type Framer interface {
	Frame(header func() (string, error), footer func(rows int64) (string, error))
}
