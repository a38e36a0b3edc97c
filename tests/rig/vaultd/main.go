// Vaultd is a Vault server of one node: token, kubernetes, approle, jwt and userpass logins, KV secrets.
//
// Core, HTTP interface and plugins are Vault's own; what a server for this site never uses (other
// storages, seals, logins, the command line) is not linked in. It comes up sealed, as any Vault, and
// is initialised and unsealed through its interface.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/vault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "address and port of the HTTP interface")
	storage := flag.String("storage", "", "folder that keeps everything, encrypted")
	flag.Parse()
	if *storage == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(*listen, *storage); err != nil {
		fmt.Fprintln(os.Stderr, "vaultd:", err)
		os.Exit(1)
	}
}

// serve runs the server until SIGTERM or SIGINT.
func serve(address, folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Info})
	storage, err := file.NewFileBackend(map[string]string{"path": folder}, logger)
	if err != nil {
		return err
	}
	logins := map[string]logical.Factory{
		"approle":    approle.Factory,
		"jwt":        jwtauth.Factory,
		"kubernetes": kubeauth.Factory,
		"userpass":   userpass.Factory,
	}
	secrets := map[string]logical.Factory{"kv": kv.Factory}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "file",
		DisableMlock:       true,
		Logger:             logger,
		RedirectAddr:       "http://" + address,
		BuiltinRegistry:    newRegistry(logins, secrets),
		CredentialBackends: logins,
		LogicalBackends:    secrets,
	})
	if err != nil {
		return err
	}
	defer core.Shutdown() //nolint:errcheck // the process ends anyway
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{},
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	logger.Info("listening", "address", address, "storage", folder)
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
