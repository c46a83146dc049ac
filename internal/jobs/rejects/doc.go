// Package rejects keeps the items that a step has skipped, for a person to look
// at and to send again.
//
// A rejects file is JSON Lines, one object an item, in the order of the input:
//
//	{"step":"import","phase":"read","class":"read.parse",
//	 "message":"in.csv:7: amount: \"1,5\": expected a decimal number such as -1234.56",
//	 "file":"in.csv","line":7,"record":6,"offset":112,"raw":"1006,\"1,5\",JPY"}
//
// phase is read, process or write. file, line, record, offset (in bytes) and key
// say where the item is from, as far as that is known; lastLine is there when it
// spans lines, as one does that holds good records behind an open quote. raw is the item as it
// stands in the input, without its line end; where that is not UTF-8 it is
// rawBase64 instead. It is cut to 64 KiB; rawTruncated is true then. Whatever
// could steer a terminal is escaped, so that a file may be looked at with cat.
//
// # When it is there
//
// An item is rejected in the chunk that passes it over: the line becomes durable
// before the commit that counts the skip, and a restart cuts off what no commit
// names, so that over all attempts of an instance every skipped item is in the
// file once. While the step has not ended, and when it has failed, the lines are
// in NAME.part (see package partfile): that is the place to look when the limit
// of skips is exceeded. When the step has ended NAME is in place. A step that
// has skipped nothing leaves no file, also not the one of an earlier run: what
// is found under the name is always about the last run.
package rejects
