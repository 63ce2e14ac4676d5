// Package compose has what the suite needs of docker compose's package of this name: all of it takes minutes to compile.
package compose

// PluginName is what the docker CLI calls the plugin.
const PluginName = "compose"
