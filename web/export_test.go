package web

// ClientOf exports clientOf to tests.
var ClientOf = clientOf
