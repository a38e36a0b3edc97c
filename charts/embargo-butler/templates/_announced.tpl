{{/* Whether the environment's bucket is announced to its enqueue, and what follows: what is looked after, and by the clock. Rules,
     NOTES, the CronJob and what the verbs are told all ask here. */}}

{{- /* Says so if a topic leads to this environment's enqueue: by Kafka the one that is consumed, by webhook one whose endpoint's host is
       {{ enqueue.address }} or among `enqueue.names`. A dict with root, the topic's name and topic. */}}
{{- define "embargo-butler.leadsHere" -}}
{{- $enqueue := .root.Values.enqueue }}
{{- $endpoint := dig "attributes" "push-endpoint" "" .topic | toString }}
{{- $url := `^https?://([^/@]*@)?` }}
{{- if eq $enqueue.mode "kafka" }}
{{- if eq .name $enqueue.kafka.topic }}yes{{ end }}
{{- else if regexMatch (print $url `\{\{[^}]*enqueue\.`) $endpoint }}yes
{{- else if regexMatch $url $endpoint }}
{{- $host := regexReplaceAll (print $url `([^/:?#]*).*$`) $endpoint "${2}" | lower }}
{{- range $name := $enqueue.names }}
{{- $name = lower $name }}
{{- if or (eq $host $name) (and (hasPrefix "*." $name) (hasSuffix (trimPrefix "*" $name) $host)) }}yes{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The notifications of ingest's bucket that lead here, as JSON: by Id what of it is unconfirmed, empty where nothing is. */}}
{{- define "embargo-butler.announced" -}}
{{- $found := dict }}
{{- $name := splitList "@" .Values.ingest.env.BUCKET | last }}
{{- $bucket := get (.Values.bucketConfig.buckets | default dict) $name | default dict }}
{{- range $id, $notification := $bucket.notifications }}
{{- $topic := get ($.Values.bucketConfig.topics | default dict) $notification.topic | default dict }}
{{- /* One of a topic that is not declared is refused as such, by the jobs. */}}
{{- if or (not $topic) (include "embargo-butler.leadsHere" (dict "root" $ "name" $notification.topic "topic" $topic)) }}
{{- $why := "" }}
{{- with $topic.unconfirmed }}{{ $why = printf "topic %s is unconfirmed (%s)" $notification.topic . }}{{ end }}
{{- with $notification.unconfirmed }}{{ $why = printf "notification %s is unconfirmed (%s)" $id . }}{{ end }}
{{- with $bucket.unconfirmed }}{{ $why = printf "bucket %s is unconfirmed (%s)" $name . }}{{ end }}
{{- $_ := set $found $id $why }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* Who else announces here, in words. */}}
{{- define "embargo-butler.fedBy" -}}
{{- with .Values.enqueue }}{{ ternary .kafka.fedBy .fedBy (eq .mode "kafka") }}{{ end }}
{{- end }}

{{- /* Why reconcile does not run by the clock; nothing where it does. Where nobody is known to announce all of a bucket, it would
       queue what is not for this environment. */}}
{{- define "embargo-butler.noClock" -}}
{{- $bucket := splitList "@" .Values.ingest.env.BUCKET | last }}
{{- $announced := include "embargo-butler.announced" . | fromJson }}
{{- $fedBy := include "embargo-butler.fedBy" . }}
{{- if not .Values.hooks.reconcile.enabled }}hooks.reconcile.enabled is false
{{- else if not .Values.bucketConfig }}there is no bucketConfig, so it is not known what is announced here
{{- else if and (not $announced) $fedBy }}bucketConfig declares no notification of bucket {{ $bucket }} that leads here, which is fed by: {{ $fedBy }}
{{- else if not $announced }}bucketConfig declares no notification of bucket {{ $bucket }} that leads here
{{- else if not (has "" (values $announced)) }}{{ values $announced | sortAlpha | uniq | join ", " }}
{{- end }}
{{- end }}

{{- /* How reconcile works, in a sentence. */}}
{{- define "embargo-butler.reconcile" -}}
{{- $why := include "embargo-butler.noClock" . }}
{{- if $why }}does not run by the clock: {{ $why }}
{{- else }}runs by the clock ({{ .Values.hooks.reconcile.schedule }}) over the last {{ .Values.hooks.reconcile.since }}
{{- if eq .Values.hooks.backfill "report" }}, and queues nothing (hooks.backfill: report){{ end }}
{{- end }}
{{- end }}

{{- /* Why nobody of this release looks after topics, notifications and policies; nothing where somebody does. */}}
{{- define "embargo-butler.noBuckets" -}}
{{- if not .Values.bucketConfig }}no bucketConfig: topics, notifications and policies are left to others, unless you add -f bucket-config/{{ .Values.environment }}.yaml
{{- else if eq .Values.hooks.buckets "off" }}hooks.buckets: off
{{- end }}
{{- end }}
