// Package api has what the suite needs of docker compose's package of this name: all of it takes minutes to compile.
package api

// PortPublishers are a container's ports as `ps --format json` prints them.
type PortPublishers []PortPublisher

// PortPublisher is one of them.
type PortPublisher struct {
	URL           string
	TargetPort    int
	PublishedPort int
	Protocol      string
}
