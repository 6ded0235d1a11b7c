package database

// MigrationLock is for the external tests.
type MigrationLock = migrationLock
