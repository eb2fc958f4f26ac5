package web

// ClientOf is for tests.
var ClientOf = clientOf
