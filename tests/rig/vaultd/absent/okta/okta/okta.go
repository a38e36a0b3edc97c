// Package okta stands for Okta's client: a second factor by Okta is not part of this server.
package okta

import (
	"context"
	"errors"
	"net/http"
)

type (
	// APIClient is never made.
	APIClient struct {
		UserAPI       userAPI
		UserFactorAPI userFactorAPI
	}
	// Configuration is never made.
	Configuration struct{ Context context.Context }
	// ConfigSetter sets nothing.
	ConfigSetter func(*Configuration)
	// User is never found.
	User struct{}
	// UserFactorPush is never found.
	UserFactorPush struct{}
	// ListFactors200ResponseInner is never found.
	ListFactors200ResponseInner struct{ UserFactorPush *UserFactorPush }
	// VerifyFactorResponse is never received.
	VerifyFactorResponse struct{ Links map[string]any }
	// TransactionStatus is never received.
	TransactionStatus struct {
		UserFactorPushTransaction         *struct{}
		UserFactorPushTransactionRejected *struct{}
		UserFactorPushTransactionTimeout  *struct{}
		UserFactorPushTransactionWaiting  *struct{}
	}

	userAPI        struct{}
	userFactorAPI  struct{}
	request[T any] struct{}
)

var errAbsent = errors.New("logins by Okta are not part of this server")

// NewConfiguration says that there is no Okta here.
func NewConfiguration(...ConfigSetter) (*Configuration, error) { return nil, errAbsent }

// WithToken sets nothing.
func WithToken(string) ConfigSetter { return nil }

// WithOrgUrl sets nothing.
func WithOrgUrl(string) ConfigSetter { return nil }

// WithCache sets nothing.
func WithCache(bool) ConfigSetter { return nil }

// NewAPIClient is never reached.
func NewAPIClient(*Configuration) *APIClient { return &APIClient{} }

// GetConfig is never reached.
func (*APIClient) GetConfig() *Configuration { return &Configuration{} }

func (userAPI) ListUsers(context.Context) request[[]User] { return request[[]User]{} }

func (userFactorAPI) ListFactors(context.Context, string) request[[]ListFactors200ResponseInner] {
	return request[[]ListFactors200ResponseInner]{}
}

func (userFactorAPI) VerifyFactor(context.Context, string, string) request[*VerifyFactorResponse] {
	return request[*VerifyFactorResponse]{}
}

func (userFactorAPI) GetFactorTransactionStatus(
	context.Context, string, string, string,
) request[*TransactionStatus] {
	return request[*TransactionStatus]{}
}

func (r request[T]) Filter(string) request[T] { return r }

func (request[T]) Execute() (result T, _ *http.Response, _ error) { return result, nil, errAbsent }

// GetId returns no id.
func (User) GetId() string { return "" }

// GetId returns no id.
func (UserFactorPush) GetId() string { return "" }

// GetFactorResult returns no result.
func (VerifyFactorResponse) GetFactorResult() string { return "" }
