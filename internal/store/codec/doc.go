// Package codec translates between the domain and the wire forms of Spring
// Batch's metadata tables: timestamps, parameters, the key of an instance, and
// execution contexts. It knows nothing of SQL.
//
// # Timestamps
//
// Written as integer epoch milliseconds, which is what the JVM's SQLite driver
// writes and reads. Text that other programs left is read as local time of the
// repository's zone.
//
// # Contexts
//
// Written as one flat JSON document that both of Spring Batch's JSON
// serializers accept: the class of the map first, then the keys in order, an
// int64 as ["java.lang.Long",5], a float64 with a fraction or an exponent, pure
// ASCII. Documents with anything else in them, Java's own object streams
// included, are opaque: they are shown, and never rewritten.
//
// The reader takes a bare integer and ["java.lang.Integer",5] for an int64, as
// there is no other integer here. A context that Java wrote, and that a restart
// by batchctl copies, holds a Long where an Integer was.
package codec
