// Package codec translates between the domain and the wire forms of Spring
// Batch's metadata tables.
package codec
