// Package azurekeyvault stands for the seal by Azure's key service: this server is sealed with key shares.
package azurekeyvault

import (
	"context"
	"errors"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
)

// Names that Vault's configuration refers to.
const (
	EnvAzureKeyVaultWrapperVaultName = "AZUREKEYVAULT_WRAPPER_VAULT_NAME"
	EnvVaultAzureKeyVaultVaultName   = "VAULT_AZUREKEYVAULT_VAULT_NAME"
	EnvAzureKeyVaultWrapperKeyName   = "AZUREKEYVAULT_WRAPPER_KEY_NAME"
	EnvVaultAzureKeyVaultKeyName     = "VAULT_AZUREKEYVAULT_KEY_NAME"
)

// Wrapper is never used.
type Wrapper struct{ wrapping.Wrapper }

// NewWrapper returns a seal that cannot be configured.
func NewWrapper() *Wrapper { return &Wrapper{} }

// SetConfig says that there is no such seal here.
func (*Wrapper) SetConfig(context.Context, ...wrapping.Option) (*wrapping.WrapperConfig, error) {
	return nil, errors.New("the seal azurekeyvault is not part of this server")
}

// WithDisallowEnvVars sets nothing.
func WithDisallowEnvVars(bool) wrapping.Option { return nil }
