{{/* Names and labels. A component is a dict: root, name, values; and where they differ, app (its label `app`, and the end of its
     Deployment's name), site (true where the label `site` is part of the selector). */}}

{{- define "embargo-butler.fullname" -}}
{{- .Values.fullnameOverride | default .Values.nameOverride | default .Chart.Name -}}
{{- end }}

{{- /* What selectors hold. They cannot change on running objects, so these are the labels of the deployments before this chart. */}}
{{- define "embargo-butler.selector" -}}
app: {{ .app | default .name }}
{{- if .site }}
site: {{ .root.Values.site }}
{{- end }}
{{- end }}

{{- /* The recommended labels that stay the same from release to release, so that they restart no pod. */}}
{{- define "embargo-butler.recommended" -}}
app.kubernetes.io/name: {{ .root.Values.nameOverride | default .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: embargo-butler
{{- end }}

{{- /* Labels of a pod. */}}
{{- define "embargo-butler.podLabels" -}}
{{ include "embargo-butler.selector" . }}
{{ include "embargo-butler.recommended" . }}
{{- end }}

{{- /* Labels of an object that is no component's: recommended ones only. A label takes no `+`, as a version's build metadata has,
       and 63 characters. */}}
{{- define "embargo-butler.objectLabels" -}}
{{ include "embargo-butler.recommended" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{- /* Labels of a component's object. */}}
{{- define "embargo-butler.labels" -}}
{{ include "embargo-butler.selector" . }}
{{ include "embargo-butler.objectLabels" . }}
{{- end }}

{{- /* Metadata of an object: its name (`called`), namespace, and the labels of its component, without those of a selector where it is
       `plain`. */}}
{{- define "embargo-butler.metadata" -}}
metadata:
  name: {{ .called }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include (ternary "embargo-butler.objectLabels" "embargo-butler.labels" (.plain | default false)) . | nindent 4 }}
{{- end }}

{{- /* A map of the values, as JSON, without what is null: later Helms keep a null that takes an earlier file's entry away. */}}
{{- define "embargo-butler.given" -}}
{{- $given := dict }}
{{- range $key, $value := . }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $given $key $value }}{{ end }}
{{- end }}
{{- toJson $given }}
{{- end }}

{{- /* A map of texts, as JSON, without the empty ones. */}}
{{- define "embargo-butler.filled" -}}
{{- $filled := dict }}
{{- range $key, $value := . }}
{{- with $value }}{{ $_ := set $filled $key . }}{{ end }}
{{- end }}
{{- toJson $filled }}
{{- end }}
