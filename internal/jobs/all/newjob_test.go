package all_test

import (
	"context"
	"path/filepath"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// Job adds the tax to a price list.
func Job() *core.Job {
	return &core.Job{
		Name: "grossPrices",
		Help: "add 10 % tax to net.csv and write gross.csv",
		Parameters: core.ParameterSpecs{
			{Name: "date", Type: core.TypeDate, Required: true},
			{Name: "dir", Path: true, NonIdentifying: true, Default: "."},
		},
		Steps: []*core.Step{chunk.Step("addTax", addTax)},
	}
}

type price struct {
	article string
	amount  decimal.Decimal
}

func addTax(s *core.Scope) (core.StepBody, error) {
	dir, _, err := s.Parameters().String("dir")
	if err != nil {
		return nil, err
	}
	reader := csvfile.NewReader(csvfile.ReaderConfig{
		Path:    filepath.Join(dir, "net.csv"),
		Columns: []csvfile.Column{{Name: "article"}, {Name: "price", Type: csvfile.Decimal, Scale: 2}},
	}, func(row *csvfile.Row, p *price) (err error) {
		p.article = row.String(0)
		p.amount, err = row.Decimal(1)
		return err
	})
	rate := decimal.MustNew(110, 2)
	processor := core.ProcessorFunc[price, price](func(_ context.Context, p price) (price, bool, error) {
		gross, err := p.amount.Mul(rate)
		p.amount = gross.Round(2) // half to even
		return p, p.amount.IsPos(), err
	})
	writer := csvfile.NewWriter(csvfile.WriterConfig{
		Path: filepath.Join(dir, "gross.csv"), Columns: []string{"article", "price"}, Scope: s,
	}, func(p *price, dst []string) ([]string, error) {
		return append(dst, p.article, p.amount.String()), nil
	})
	return chunk.New(reader, processor, writer, chunk.Options{Size: 100}), nil
}
