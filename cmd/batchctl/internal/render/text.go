package render

// Text writes a text that stands for itself; for programs it is the string under
// key.
func (p *Printer) Text(key, text string) error {
	if p.Format != FormatTable {
		return p.document(key, text)
	}
	return p.write([]byte(text))
}

// Function describes a function of expressions.
type Function struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Help      string `json:"help"`
	Example   string `json:"example"`
	Result    string `json:"result"`
}

// Functions writes the functions of expressions for programs.
func (p *Printer) Functions(functions []Function) error { return p.document("functions", functions) }
