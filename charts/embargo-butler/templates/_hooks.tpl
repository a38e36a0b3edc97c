{{/* The two jobs. Each is made of objects of its own with every event, and all but a failed Job are removed again. A hook is a
     dict: root, name (`secrets` or `buckets`), events. */}}

{{- define "embargo-butler.hookName" -}}
{{ include "embargo-butler.fullname" .root }}-{{ .name }}
{{- end }}

{{- /* Metadata of a hook's object. Takes the hook with `weight`; and with `suffix` (to the name) and `keep` (a failed or finished one
       stays until the next) for Jobs. Equal weights are made in the order of their names, so each kind has one of its own. */}}
{{- define "embargo-butler.hookMetadata" -}}
name: {{ include "embargo-butler.hookName" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "embargo-butler.objectLabels" . | nindent 2 }}
annotations:
  helm.sh/hook: {{ .events }}
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation{{ if not .keep }},hook-succeeded{{ end }}
  {{- if .keep }}
  helm.sh/hook-output-log-policy: hook-failed,hook-succeeded
  {{- end }}
{{- end }}

{{- /* ServiceAccount and RoleBinding of a hook; its Role is its own. */}}
{{- define "embargo-butler.hookAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "weight" -30) .) | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "weight" -15) .) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ include "embargo-butler.hookName" . }}
subjects:
  - kind: ServiceAccount
    name: {{ include "embargo-butler.hookName" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- /* A Job for the hook's own events and another one for a rollback's, which is told so: then no problem may stop it. */}}
{{- define "embargo-butler.hookJobs" -}}
{{ include "embargo-butler.hookJob" . }}
---
{{ include "embargo-butler.hookJob" (merge (dict "events" .rollback "suffix" "-rollback" "arguments" (list "--rollback")) .) }}
{{- end }}

{{- define "embargo-butler.hookJob" -}}
{{- $hooks := .root.Values.hooks -}}
{{- $token := has .root.Values.vault.auth.method (list "kubernetes" "jwt") -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "embargo-butler.hookMetadata" (merge (dict "weight" 0 "keep" true) .) | nindent 2 }}
spec:
  # The program tries again what is worth it, inside a deadline of its own, and says what it waited for; this one is the last resort.
  backoffLimit: 0
  activeDeadlineSeconds: {{ add $hooks.deadlineSeconds 30 }}
  {{- /* A wrapped token is spent by the first pod, so that a second one could not log in. */}}
  {{- if ne .root.Values.vault.auth.method "wrapped" }}
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  {{- end }}
  template:
    {{- $pod := merge (dict "account" (include "embargo-butler.hookName" .) "token" true "values" $hooks) . }}
    {{- include "embargo-butler.podMetadata" $pod | nindent 4 }}
    spec:
      {{- include "embargo-butler.pod" $pod | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: {{ .name }}
          {{- include "embargo-butler.container" (dict "values" $hooks "tag" .root.Chart.AppVersion) | nindent 10 }}
          args: [{{ .name }}, apply, --config, /etc/embargo-hooks/config.yaml{{ range .arguments }}, {{ . }}{{ end }}]
          volumeMounts:
            - name: config
              mountPath: /etc/embargo-hooks
              readOnly: true
            {{- if $token }}
            - name: vault-token
              mountPath: /var/run/secrets/vault
              readOnly: true
            {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ include "embargo-butler.fullname" .root }}-hooks
        {{- if $token }}
        - name: vault-token
          projected:
            sources:
              - serviceAccountToken:
                  audience: {{ .root.Values.vault.auth.audience }}
                  expirationSeconds: 600
                  path: token
        {{- end }}
{{- end }}

{{- /* A Role's rule to read what the jobs log in with, where a Secret holds it. */}}
{{- define "embargo-butler.loginRule" -}}
{{- with .Values.vault.auth.secret.name }}
# What the login is made with.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ . | quote }}]
  verbs: [get]
{{- end }}
{{- end }}

{{- /* A Role's rules for the Lease that is held while something is written. */}}
{{- define "embargo-butler.leaseRules" -}}
# One writes at a time.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "embargo-butler.fullname" . }}-hooks]
  verbs: [get, update]
{{- end }}
