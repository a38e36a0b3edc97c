// Package alicloudkms stands for the seal by Alibaba's key service: this server is sealed with key shares.
package alicloudkms

import (
	"context"
	"errors"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
)

// Names that Vault's configuration refers to.
const (
	EnvAliCloudKmsWrapperKeyId   = "ALICLOUDKMS_WRAPPER_KEY_ID"
	EnvVaultAliCloudKmsSealKeyId = "VAULT_ALICLOUDKMS_SEAL_KEY_ID"
)

// Wrapper is never used.
type Wrapper struct{ wrapping.Wrapper }

// NewWrapper returns a seal that cannot be configured.
func NewWrapper() *Wrapper { return &Wrapper{} }

// SetConfig says that there is no such seal here.
func (*Wrapper) SetConfig(context.Context, ...wrapping.Option) (*wrapping.WrapperConfig, error) {
	return nil, errors.New("the seal alicloudkms is not part of this server")
}
