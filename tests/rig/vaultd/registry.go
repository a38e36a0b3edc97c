package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// registry tells the core which plugins are part of the program.
type registry map[consts.PluginType][]string

func newRegistry(logins, secrets map[string]logical.Factory) registry {
	return registry{
		consts.PluginTypeCredential: slices.Sorted(maps.Keys(logins)),
		consts.PluginTypeSecrets:    slices.Sorted(maps.Keys(secrets)),
	}
}

// Contains tells whether a plugin is built in.
func (r registry) Contains(name string, kind consts.PluginType) bool {
	return slices.Contains(r[kind], name)
}

// Get returns what would run a built-in plugin as a process of its own, which none here needs.
func (r registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	return func() (any, error) {
		return nil, fmt.Errorf("%s runs inside the server only", name)
	}, r.Contains(name, kind)
}

// Keys lists the built-in plugins of a kind.
func (r registry) Keys(kind consts.PluginType) []string { return r[kind] }

// DeprecationStatus says that what is built in is supported.
func (r registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, kind)
}

// IsBuiltinEntPlugin tells whether a plugin belongs to Vault Enterprise.
func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
