package definition

func (b builder) chunk(o *object) *Chunk {
	return &Chunk{
		Pos: o.Pos, Spans: o.spans, Size: o.text("size"), TimeLimit: o.text("time-limit"), Timeout: o.text("timeout"), Threads: o.text("threads"),
		Reader: b.component(o.obj("reader")), Processor: each(o, "processor", b.op),
		Writer:  maybe(o.obj("writer"), func(o *object) *Output { return new(b.output(o)) }),
		Writers: each(o, "writers", b.output), Route: each(o, "route", b.output),
		Expect: each(o, "expect", b.expect), Skip: b.skip(o.get("skip")), Retry: b.retry(o.get("retry")),
	}
}

// component reads the first key of a block, which is the component's name.
func (builder) component(o *object) Component {
	if o == nil {
		return Component{}
	}
	v, ok := o.find(o.block.keys[0].name)
	if !ok {
		return Component{}
	}
	c := Component{Name: v.key, Spans: v.obj.spans}
	for _, k := range v.obj.block.keys { // in the order of the table, which is that of the reference
		given, ok := v.obj.find(k.name)
		if !ok {
			continue
		}
		e := Entry{Key: given.key}
		switch k.shape {
		case list:
			e.List = listOf(given.items)
		case texts:
			e.Pairs = pairsOf(given.items)
		case scalar, one, many, named:
			e.Value = given.text
		}
		c.Options = append(c.Options, e)
	}
	return c
}

func (b builder) output(o *object) Output {
	return Output{
		Pos: o.Pos, Component: b.component(o), When: o.text("when"),
		Header: o.text("header-template"), Footer: o.text("footer-template"),
	}
}

func (b builder) op(o *object) Op {
	op := Op{
		Pos: o.Pos, Spans: o.spans, Filter: o.text("filter"), Validate: o.text("validate"), Message: o.text("message"), Class: o.text("class"),
		Drop: o.list("drop"), Keep: o.list("keep"),
	}
	if o.block.name == "set" {
		op.Set = o.pairs("set")
	}
	op.Lookup = maybe(o.obj("lookup"), b.lookup)
	op.Exec = maybe(o.obj("exec"), func(o *object) *ExecOp {
		return &ExecOp{
			Pos: o.Pos, Command: o.list("command"), Dir: o.text("dir"), Env: o.pairs("env"), InheritEnv: o.list("inherit-env"),
			Columns: o.pairs("columns"), Timeout: o.text("timeout"), KillAfter: o.text("kill-after"),
		}
	})
	return op
}

func (b builder) lookup(o *object) *Lookup {
	return &Lookup{
		Pos: o.Pos, Table: b.component(o.obj("from")), Key: o.list("key"), On: o.list("on"), Set: o.pairs("set"),
		Missing: o.text("missing"), Limit: o.text("limit"),
	}
}

func (builder) expect(o *object) Expect {
	return Expect{
		Pos: o.Pos, Total: o.text("total"), Where: o.text("where"), Of: o.text("of"), Equals: o.text("equals"),
		WhenSkipped: o.text("when-skipped"),
		Control: maybe(o.obj("control"), func(o *object) *Control {
			return &Control{Pos: o.Pos, File: o.text("file"), Key: o.text("key"), Pattern: o.text("pattern"), Default: o.text("default")}
		}),
	}
}

func (builder) skip(v value) *Skip {
	if v.or {
		return &Skip{Pos: v.key.Pos(), Never: true}
	}
	return maybe(v.obj, func(o *object) *Skip {
		return &Skip{
			Pos: o.Pos, Limit: o.text("limit"), Percent: o.text("percent"), Include: o.list("include"),
			Exclude: o.list("exclude"), To: o.text("to"),
		}
	})
}

func (builder) retry(v value) *Retry {
	if v.or {
		return &Retry{Pos: v.key.Pos(), Never: true}
	}
	return maybe(v.obj, func(o *object) *Retry {
		return &Retry{
			Pos: o.Pos, Limit: o.text("limit"), Include: o.list("include"), Exclude: o.list("exclude"),
			Backoff: o.text("backoff"), Multiplier: o.text("multiplier"), Max: o.text("max"), Jitter: o.text("jitter"),
		}
	})
}
