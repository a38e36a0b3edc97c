// Package cloudsqlconn stands for Google's database connector, which is not part of this server.
package cloudsqlconn

type (
	// Option sets nothing.
	Option struct{}
	// DialOption sets nothing.
	DialOption struct{}
)

// WithIAMAuthN sets nothing.
func WithIAMAuthN() Option { return Option{} }

// WithCredentialsJSON sets nothing.
func WithCredentialsJSON([]byte) Option { return Option{} }

// WithDefaultDialOptions sets nothing.
func WithDefaultDialOptions(...DialOption) Option { return Option{} }

// WithPrivateIP sets nothing.
func WithPrivateIP() DialOption { return DialOption{} }

// WithPSC sets nothing.
func WithPSC() DialOption { return DialOption{} }
