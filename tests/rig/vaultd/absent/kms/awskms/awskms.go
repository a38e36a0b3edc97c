// Package awskms stands for the seal by Amazon's key service: this server is sealed with key shares.
package awskms

import (
	"context"
	"errors"

	"github.com/hashicorp/go-hclog"
	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
)

// Names that Vault's configuration refers to.
const (
	EnvAwsKmsWrapperKeyId   = "AWSKMS_WRAPPER_KEY_ID"
	EnvVaultAwsKmsSealKeyId = "VAULT_AWSKMS_SEAL_KEY_ID"
)

// Wrapper is never used.
type Wrapper struct{ wrapping.Wrapper }

// NewWrapper returns a seal that cannot be configured.
func NewWrapper() *Wrapper { return &Wrapper{} }

// SetConfig says that there is no such seal here.
func (*Wrapper) SetConfig(context.Context, ...wrapping.Option) (*wrapping.WrapperConfig, error) {
	return nil, errors.New("the seal awskms is not part of this server")
}

// WithLogger sets nothing; Vault gives it to the seal by key shares as well, which ignores it.
func WithLogger(hclog.Logger) wrapping.Option { return nil }

// WithDisallowEnvVars sets nothing.
func WithDisallowEnvVars(bool) wrapping.Option { return nil }
