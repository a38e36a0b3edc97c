// Package impersonate stands for logins to Google in another's name.
package impersonate

import (
	"context"
	"errors"

	"golang.org/x/oauth2"
)

// CredentialsConfig is never read.
type CredentialsConfig struct {
	TargetPrincipal, Subject string
	Scopes                   []string
}

// CredentialsTokenSource says that there are no such logins here.
func CredentialsTokenSource(context.Context, CredentialsConfig) (oauth2.TokenSource, error) {
	return nil, errors.New("Google's workspace is not part of this server")
}
