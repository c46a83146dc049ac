package sqlrepo

import "github.com/batchctl/batchctl/internal/core"

// Query is one statement of the explorer, for the test of the query plans.
type Query struct {
	SQL  string
	Args []any
}

// ExecutionIDs returns the query that selects a page of executions.
func ExecutionIDs(q core.JobExecutionQuery) Query {
	query, args := executionIDsSQL(q)
	return Query{query, args}
}

// Instances returns the query that selects a page of instances.
func Instances(q core.JobInstanceQuery) Query {
	query, args := instancesSQL(q)
	return Query{query, args}
}

// Queries returns every other query that reads the six tables.
func Queries() map[string]Query {
	return map[string]Query{
		"job names":         {selectJobNames, nil},
		"instance":          {selectInstance + "WHERE JOB_INSTANCE_ID = ?", []any{1}},
		"instance by key":   {selectInstanceByKey, []any{"job", "key"}},
		"instance count":    {countInstances, []any{"job"}},
		"execution":         {selectExecution, []any{1}},
		"last execution":    {selectLastExecutionID, []any{1}},
		"status":            {selectStatus, []any{1}},
		"page":              {executionsSQL(3), []any{1, 2, 3}},
		"parameters":        {parametersSQL(3), []any{1, 2, 3}},
		"job context":       {selectJobContext, []any{1}},
		"step context":      {selectStepContext, []any{1}},
		"owner":             {selectOwner, []any{1}},
		"steps":             {selectStepsOfExecution, []any{1}},
		"step":              {selectStepByID, []any{1}},
		"last step":         {selectLastStep, []any{1, "step"}},
		"parts":             {selectPartitions, []any{1, "step:", "step;"}},
		"step count":        {countSteps, []any{1, "step"}},
		"head":              {selectHead + "WHERE E.JOB_EXECUTION_ID = ?", []any{1}},
		"heads of instance": {selectHeadsOfInstance, []any{1}},
		"delete contexts":   {deletions[0], []any{1}},
		"delete steps":      {deletions[1], []any{1}},
		"delete parameters": {deletions[3], []any{1}},
		"delete executions": {deletions[4], []any{1}},
		"delete instance":   {deletions[5], []any{1}},
		"update job":        {updateJob, make([]any, 10)},
		"update step":       {updateStep, make([]any, 18)},
	}
}
