// Package resource stands for the names of HashiCorp's cloud, which this server has no link to.
package resource

import "errors"

// Resource is never made.
type Resource struct{}

// FromString says that there is no link here.
func FromString(string) (Resource, error) {
	return Resource{}, errors.New("the link to HashiCorp's cloud is not part of this server")
}
