// Package k8s stands for go-discover's search of Kubernetes pods.
package k8s

import (
	"errors"
	"log"
)

// Provider finds nothing.
type Provider struct{}

// Addrs says that there is no search here.
func (*Provider) Addrs(map[string]string, *log.Logger) ([]string, error) {
	return nil, errors.New("auto-join is not part of this server")
}

// Help is empty.
func (*Provider) Help() string { return "" }
