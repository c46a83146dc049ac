package render

import "github.com/batchctl/batchctl/internal/core"

// stepDeclaration is a step of a registered job.
type stepDeclaration struct {
	StepName             string            `json:"stepName"`
	Kind                 string            `json:"kind,omitempty"`
	StartLimit           int               `json:"startLimit"`
	AllowStartIfComplete bool              `json:"allowStartIfComplete"`
	JobName              string            `json:"jobName,omitempty"` // of the child
	Worker               *stepDeclaration  `json:"worker,omitempty"`
	Flow                 []elementDocument `json:"flow,omitempty"`
}

// elementDocument is an element of a flow: what it is by which of its fields is
// there.
type elementDocument struct {
	Name        string               `json:"name"`
	StepName    string               `json:"stepName,omitempty"`
	Decision    bool                 `json:"decision,omitempty"`
	Flow        []elementDocument    `json:"flow,omitempty"`
	Split       []elementDocument    `json:"split,omitempty"`
	Threads     int                  `json:"threads,omitempty"`
	Next        string               `json:"next,omitempty"`
	Transitions []transitionDocument `json:"transitions,omitempty"`
}

type transitionDocument struct {
	On       string `json:"on"`
	To       string `json:"to"`
	ExitCode string `json:"exitCode,omitempty"`
	Restart  string `json:"restart,omitempty"`
}

func newStepDeclaration(s *core.Step) stepDeclaration {
	doc := stepDeclaration{
		StepName: s.Name, Kind: s.Kind, StartLimit: s.StartLimit, AllowStartIfComplete: s.AllowStartIfComplete,
		JobName: s.Job, Flow: newElements(s.Flow),
	}
	if s.Worker != nil {
		doc.Worker = new(newStepDeclaration(s.Worker))
	}
	return doc
}

func newElements(level []core.Element) []elementDocument {
	var docs []elementDocument
	for i := range level {
		e := &level[i]
		doc := elementDocument{
			Name: e.ID(), Decision: e.Decider != nil, Flow: newElements(e.Flow), Split: newElements(e.Split),
			Threads: e.Threads, Next: e.Next,
		}
		if e.Step != nil {
			doc.StepName = e.Step.Name
		}
		for _, t := range e.Transitions {
			doc.Transitions = append(doc.Transitions, transitionDocument{
				On: pattern(t.On), To: t.To, ExitCode: t.ExitCode, Restart: t.Restart,
			})
		}
		docs = append(docs, doc)
	}
	return docs
}

// countSteps is how many steps a job has, those of its flows included.
func countSteps(j *core.Job) int {
	n := 0
	for range j.AllSteps() {
		n++
	}
	return n
}
