// Package option stands for the options of Google's clients, which are not part of this server.
package option

import "golang.org/x/oauth2"

// ClientOption sets nothing.
type ClientOption struct{}

// WithTokenSource sets nothing.
func WithTokenSource(oauth2.TokenSource) ClientOption { return ClientOption{} }

// WithUserAgent sets nothing.
func WithUserAgent(string) ClientOption { return ClientOption{} }
