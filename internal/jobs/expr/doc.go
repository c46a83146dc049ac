// Package expr has the expressions of definition files: a column is computed, a
// record is kept or refused, a way is chosen by one.
//
//	amount > 0 && type != 'TEST'
//	round(amount * 0.025, 2)
//	currency == 'KRW' ? 0 : 2
//	upper(trim(name)) + '-' + string(id)
//	date(day, 'yyyyMMdd') <= monthEnd(date(jobParameters['requestDate']))
//	steps['load'].skipCount > 100
//
// # The language
//
// The grammar is that of expr-lang (github.com/expr-lang/expr), whose lexer and
// parser are used. What can loop, reach into Go or lose digits is not part of it,
// and is refused by name when the expression is compiled: predicates, closures,
// ranges, pipes, lists (but behind in), maps, slices, methods, variables, ?? and
// ?:, powers.
//
//	literals     42   1_000   12.50   'text'   "text"   true   false   null (or nil)
//	columns      amount   record['name that is no word']
//	maps         jobParameters['x']   jobProperties   partition   jobContext
//	             stepContext   env; which of them, depends on the place; texts
//	steps        steps['id'].exitStatus  batchStatus  readCount  writeCount
//	             filterCount  skipCount; the counts are those of all attempts
//	operators    - !   * / %   + -   == != < <= > >= in contains startsWith
//	             endsWith matches   && (and)   || (or)   ? :
//	functions    see [Functions]
//
// Operators bind as they are listed, the first the strongest; ! is written around
// a comparison in brackets. Comments are // and /* */.
//
// # Types
//
// All types are known before the first record is read: those of the columns, and
// by them those of every part of an expression and of its result. There are no
// conversions but those that lose nothing: beside a decimal a long is a decimal.
// Everything else is written down: int(x), decimal(x), string(x), date(x).
//
//   - A number with a point is a decimal, never a double: 0.1 is a tenth. Beside a
//     double, and only there, a literal is the nearest double; otherwise doubles
//     mix with doubles.
//   - long: + - * % are checked; what does not fit into 64 bits is an error. The
//     remainder has the sign of the left side, as in Go, Java and C.
//   - what names no column and has no value, as date('2021-02-30'), and what
//     divides by 0, is no expression.
//   - /  always divides exactly: 7 / 2 is the decimal 3.5, 6 / 2 the decimal 3,
//     and 1 / 3 an error, since no decimal is a third. Where a quotient has to be
//     rounded, the expression says so: round(a / b, 2), int(round(a / b, 0,
//     'down')).
//   - decimal: 19 digits, and exact or an error: a result that needs more is never
//     cut off. round(a * b, n) and round(a / b, n) are computed with all digits
//     first, and rounded once. The result has n digits behind the point, also
//     when they are zeros, as far as there is room.
//   - double: a result that is not finite is an error.
//   - string: + joins two; all order is that of the bytes; len and substr count
//     characters, from 1.
//   - date and datetime: equal and ordered; no arithmetic but by functions. What
//     is taken from a datetime is what clocks show in the zone of the job.
//
// # Null
//
// A column may be null, a key of a map may not be there, a step may never have
// run. == and != compare null as a value: it is equal to itself and to nothing
// else, so that type != 'TEST' is true where type is null. coalesce, isNull and
// ? : pass nulls on, and x in [...] is false. Anything else done to null is an
// error that names the operand, rather than another null that goes unseen into a
// ledger. An expression may be null as a whole; a filter or a rule that is null is
// an error.
//
// # Errors
//
// A mistake in an expression is a [CompileError] with its column and, if one is
// near, the name that was meant. A value that cannot be computed is an
// [EvalError] with the position of the operator and its operands; [Ops] makes it
// an item error of the class process.expression, with the place of the record.
//
// # Cost
//
// The text is at most 4 KiB, the nodes 1000, brackets 100 deep. Each node is
// evaluated at most once; the bytes that texts cost are counted, and texts that
// are made are at most 1 MiB. So the cost of an expression is bounded, whatever
// the records hold.
//
// # Design
//
// The syntax tree is compiled into closures over a slice of values here, and not
// run by expr-lang's machine. Its checker knows neither decimals nor null, makes a
// double of 0.1 before anybody can see it, and lets an integer overflow; a walk
// that has a case for what is allowed refuses the rest by itself. And the machine
// boxes every value: round(amount * 0.025, 2) costs five allocations there, and
// none here, in a fifth of the time; a comparison and a filter cost four and
// none.
package expr
