// Package sqlrepo is the job repository and the job explorer in SQL.
package sqlrepo
