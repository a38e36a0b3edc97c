// Package monitoring stands for Google's monitoring client: this server sends no telemetry.
package monitoring

import (
	"context"
	"errors"

	"google.golang.org/api/option"
)

// MetricClient is never made.
type MetricClient struct{}

// NewMetricClient says that there is no such telemetry here.
func NewMetricClient(context.Context, ...option.ClientOption) (*MetricClient, error) {
	return nil, errors.New("telemetry to Google is not part of this server")
}
