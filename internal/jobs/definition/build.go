package definition

// builder makes the typed tree of what the walker has read. What was wrong is
// missing in it.
type builder struct{}

func (o *object) get(name string) value {
	if o == nil {
		return value{}
	}
	v, _ := o.find(name)
	return v
}

func (o *object) text(name string) Text { return o.get(name).text }

func (o *object) obj(name string) *object { return o.get(name).obj }

// list returns the texts of a list, also where one stands for itself.
func (o *object) list(name string) []Text {
	v := o.get(name)
	if v.or {
		return []Text{v.text}
	}
	return listOf(v.items)
}

func listOf(items []value) []Text {
	if items == nil {
		return nil
	}
	all := make([]Text, len(items))
	for i, v := range items {
		all[i] = v.text
	}
	return all
}

func (o *object) pairs(name string) []Pair { return pairsOf(o.get(name).items) }

func pairsOf(items []value) []Pair {
	if items == nil {
		return nil
	}
	all := make([]Pair, len(items))
	for i, v := range items {
		all[i] = Pair{Key: v.key, Value: v.text}
	}
	return all
}

// each makes a slice of the blocks of a list.
func each[T any](o *object, name string, make1 func(*object) T) []T {
	var all []T
	for _, v := range o.get(name).items {
		all = append(all, make1(v.obj))
	}
	return all
}

// maybe makes what a block describes, nil where it is not given.
func maybe[T any](o *object, make1 func(*object) *T) *T {
	if o == nil {
		return nil
	}
	return make1(o)
}

func (b builder) job(o *object) *Job {
	_, declared := o.find("parameters")
	return &Job{
		Name: o.text("job"), Description: o.text("description"), Restartable: o.text("restartable"),
		Parameters: b.parameters(o), Open: !declared, Incrementer: o.text("incrementer"),
		Properties: o.pairs("properties"), Resources: b.resources(o), Listeners: b.hooks(o.obj("listeners")),
		Steps: each(o, "steps", b.element), Spans: o.spans,
	}
}

func (builder) parameters(o *object) []Parameter {
	var all []Parameter
	for _, v := range o.get("parameters").items {
		p := v.obj
		all = append(all, Parameter{
			Name: v.key, Type: p.text("type"), Required: p.text("required"), Default: p.text("default"),
			Identifying: p.text("identifying"), Pattern: p.text("pattern"), OneOf: p.list("one-of"), Within: p.text("within"),
			Description: p.text("description"),
		})
	}
	return all
}

func (builder) resources(o *object) []Resource {
	var all []Resource
	for _, v := range o.get("resources").items {
		all = append(all, Resource{Name: v.key, Driver: v.obj.text("driver"), DSN: v.obj.text("dsn"), Create: v.obj.text("create")})
	}
	return all
}

func (b builder) hooks(o *object) Hooks {
	exec := func(name string) *Exec { return maybe(o.obj(name), b.exec) }
	if o == nil {
		return Hooks{}
	}
	return Hooks{
		BeforeJob: exec("before-job"), AfterJob: exec("after-job"), BeforeStep: exec("before-step"), AfterStep: exec("after-step"),
		OnSkip: exec("on-skip"), OnRetry: exec("on-retry"),
	}
}

func (b builder) element(o *object) Element {
	e := Element{Pos: o.Pos, Spans: o.spans, Next: o.text("next"), Transitions: each(o, "transitions", b.transition)}
	switch o.block.name {
	case "step":
		e.Kind, e.ID = KindStep, o.text("step")
		b.step(o, &e)
	case "flow", "branch":
		e.Kind, e.ID, e.Steps = KindFlow, o.text("flow"), each(o, "steps", b.element)
	case "split":
		e.Kind, e.ID, e.Flows, e.Threads = KindSplit, o.text("split"), each(o, "flows", b.element), o.text("threads")
	case "decision":
		e.Kind, e.ID, e.Value = KindDecision, o.text("decision"), o.text("value")
	}
	return e
}

func (builder) transition(o *object) Transition {
	return Transition{Pos: o.Pos, On: o.text("on"), To: o.text("to"), ExitStatus: o.text("exit-status"), Restart: o.text("restart")}
}

func (b builder) step(o *object, e *Element) {
	e.Exec = maybe(o.obj("exec"), b.exec)
	e.SQL = maybe(o.obj("sql"), b.sql)
	e.Chunk = maybe(o.obj("chunk"), b.chunk)
	e.Job = maybe(o.obj("job"), b.jobStep)
	e.Partition = maybe(o.obj("partition"), b.partition)
	e.AllowStartIfComplete, e.StartLimit = o.text("allow-start-if-complete"), o.text("start-limit")
	e.Timeout, e.Properties, e.Listeners = o.text("timeout"), o.pairs("properties"), b.hooks(o.obj("listeners"))
}

func (builder) exec(o *object) *Exec {
	x := &Exec{
		Pos: o.Pos, Dir: o.text("dir"), Env: o.pairs("env"), InheritEnv: o.list("inherit-env"), Stdin: o.text("stdin"),
		Timeout: o.text("timeout"), KillAfter: o.text("kill-after"), ExitCodes: o.pairs("exit-codes"), OnCrash: o.text("on-crash"),
	}
	if command := o.get("command"); command.or {
		x.Script = command.text
	} else {
		x.Command = listOf(command.items)
	}
	if crash := o.get("on-crash"); crash.or {
		x.OnCrash = Text{Value: "check", Line: crash.key.Line, Column: crash.key.Column}
		x.Check = crash.obj.list("check")
	}
	return x
}

func (builder) sql(o *object) *SQL {
	return &SQL{
		Pos: o.Pos, Resource: o.text("resource"), Statements: o.list("statements"), File: o.text("file"),
		Params: o.pairs("params"), Rows: o.text("rows"),
	}
}

func (builder) jobStep(o *object) *JobStep {
	return &JobStep{Pos: o.Pos, Name: o.text("name"), Parameters: o.pairs("parameters")}
}

func (b builder) partition(o *object) *Partition {
	return &Partition{
		Pos: o.Pos, Files: o.text("files"), Values: o.list("values"), Count: o.text("count"),
		Range: maybe(o.obj("range"), func(o *object) *Range {
			return &Range{Pos: o.Pos, Min: o.text("min"), Max: o.text("max"), Count: o.text("count")}
		}),
		SQL: maybe(o.obj("sql"), func(o *object) *Query {
			return &Query{Pos: o.Pos, Resource: o.text("resource"), Query: o.text("query"), Params: o.pairs("params")}
		}),
		Threads: o.text("threads"), OnRestart: o.text("on-restart"), AllowNone: o.text("allow-none"),
		Reduce: maybe(o.obj("reduce"), func(o *object) *Body {
			return &Body{Exec: maybe(o.obj("exec"), b.exec), SQL: maybe(o.obj("sql"), b.sql)}
		}),
	}
}
