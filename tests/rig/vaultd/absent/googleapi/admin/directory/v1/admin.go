// Package admin stands for the directory of Google's workspace, which the jwt login can ask for groups.
package admin

import (
	"context"
	"errors"

	"google.golang.org/api/option"
)

// Names of rights.
const (
	AdminDirectoryGroupReadonlyScope = "https://www.googleapis.com/auth/admin.directory.group.readonly"
	AdminDirectoryUserReadonlyScope  = "https://www.googleapis.com/auth/admin.directory.user.readonly"
)

type (
	// Service is never made.
	Service struct {
		Groups groupsService
		Users  usersService
	}
	// Group is never found.
	Group struct{ Email string }
	// Groups is never found.
	Groups struct{ Groups []*Group }
	// User is never found.
	User struct{ CustomSchemas map[string][]byte }

	groupsService struct{}
	usersService  struct{}
	groupsCall    struct{}
	userCall      struct{}
)

var errAbsent = errors.New("Google's workspace is not part of this server")

// NewService says that there is no such directory here.
func NewService(context.Context, ...option.ClientOption) (*Service, error) { return nil, errAbsent }

func (groupsService) List() groupsCall { return groupsCall{} }

func (c groupsCall) UserKey(string) groupsCall { return c }

func (c groupsCall) Domain(string) groupsCall { return c }

func (c groupsCall) Fields(...string) groupsCall { return c }

func (groupsCall) Pages(context.Context, func(*Groups) error) error { return errAbsent }

func (usersService) Get(string) userCall { return userCall{} }

func (c userCall) Context(context.Context) userCall { return c }

func (c userCall) Projection(string) userCall { return c }

func (c userCall) CustomFieldMask(string) userCall { return c }

func (c userCall) Fields(...string) userCall { return c }

func (userCall) Do() (*User, error) { return nil, errAbsent }
