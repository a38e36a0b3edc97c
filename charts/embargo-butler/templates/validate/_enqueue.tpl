{{/* What enqueue consumes, or where it is announced to, and what it takes of that. */}}

{{- define "embargo-butler.checkEnqueue" -}}
{{- range $variable, $name := dict
      "KAFKA_CLUSTER" "cluster" "KAFKA_TOPIC" "topic" "KAFKA_GROUP_ID" "groupId" }}
{{- if hasKey $.Values.enqueue.env $variable }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.env.%s` is given, past `enqueue.kafka.%s`, which is what rules and jobs look at: "
      "say it there")
    $variable $name) }}
{{- end }}
{{- end }}
{{- if eq .Values.enqueue.mode "kafka" }}
{{- include "embargo-butler.checkKafka" . }}
{{- else }}
{{- include "embargo-butler.checkWebhook" . }}
{{- end }}
{{- include "embargo-butler.checkEnqueueAddress" . }}
{{- end }}

{{- define "embargo-butler.checkWebhook" -}}
{{- $reference := dict "root" . "at" "enqueue.notificationSecret" "ref" .Values.enqueue.notificationSecret }}
{{- include "embargo-butler.checkSecret" $reference }}
{{- $kafka := .Values.enqueue.kafka }}
{{- $unread := merge (omit $kafka "drain") (dict "drain.topic" $kafka.drain.topic) }}
{{- range $name, $value := include "embargo-butler.filled" $unread | fromJson }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.%s` is %s, but `enqueue.mode` is %s: "
      "set the mode to kafka, or leave the former out")
    $name $value $.Values.enqueue.mode) }}
{{- end }}
{{- end }}

{{- define "embargo-butler.checkKafka" -}}
{{- $kafka := .Values.enqueue.kafka }}
{{- range $name := list "names" "fedBy" }}
{{- if get $.Values.enqueue $name }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.%s` is given, but `enqueue.mode` is kafka, which nobody announces to: "
      "leave it out, and say in `enqueue.kafka.fedBy` who feeds the topic")
    $name) }}
{{- end }}
{{- end }}
{{- range $name := list "cluster" "topic" }}
{{- if not (get $kafka $name) }}
{{- include "embargo-butler.mistake" (printf "`enqueue.mode` is kafka, but `enqueue.kafka.%s` is empty: say what to consume" $name) }}
{{- end }}
{{- end }}
{{- if and $kafka.cluster $kafka.topic }}
{{- include "embargo-butler.checkTopic" . }}
{{- end }}
{{- end }}

{{- /* Does somebody feed the topic that is consumed, and which other one is drained? */}}
{{- define "embargo-butler.checkTopic" -}}
{{- $kafka := .Values.enqueue.kafka }}
{{- $topics := (.Values.bucketConfig | default dict).topics | default dict }}
{{- $declared := dig $kafka.topic "attributes" "push-endpoint" "" $topics }}
{{- if and (not $kafka.fedBy) (or (not $declared) (dig $kafka.topic "unconfirmed" "" $topics)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.topic` is %s, which `bucketConfig.topics` does not declare, or not for certain: "
      "declare it, or say in `enqueue.kafka.fedBy` who feeds it")
    $kafka.topic) }}
{{- else if and $declared (not (hasPrefix "kafka://" $declared)) }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.topic` is %s, but `bucketConfig.topics.%s` announces to %s: "
      "give it a push-endpoint kafka://...")
    $kafka.topic $kafka.topic $declared) }}
{{- else if not $kafka.fedBy }}
{{- $fed := false }}
{{- range .Values.bucketConfig.buckets }}
{{- $certain := not .unconfirmed }}
{{- range .notifications }}
{{- if and $certain (eq .topic $kafka.topic) (not .unconfirmed) }}{{ $fed = true }}{{ end }}
{{- end }}
{{- end }}
{{- if not $fed }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.topic` is %s, which none of `bucketConfig.buckets` announces to, or not for certain: "
      "give a bucket a notification of it, or say in `enqueue.kafka.fedBy` who feeds it")
    $kafka.topic) }}
{{- end }}
{{- $brokers := printf "%s,%s" $declared (dig $kafka.topic "attributes" "kafka-brokers" "" $topics) }}
{{- $common := false }}
{{- range splitList "," $kafka.cluster }}{{ if contains . $brokers }}{{ $common = true }}{{ end }}{{ end }}
{{- if not $common }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.cluster` is %s, but `bucketConfig.topics.%s` announces to %s: "
      "give both the same brokers, or say in `enqueue.kafka.fedBy` how images get from one to the other")
    $kafka.cluster $kafka.topic $declared) }}
{{- end }}
{{- end }}
{{- $drain := include "embargo-butler.filled" $kafka.drain | fromJson }}
{{- if and $drain (not $drain.topic) }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.drain.%s` is given, but `enqueue.kafka.drain.topic` is empty: "
      "name the topic to drain, or leave `drain` out")
    (keys $drain | first)) }}
{{- end }}
{{- if and (eq (toString $drain.topic) $kafka.topic) (eq ($drain.cluster | default $kafka.cluster) $kafka.cluster) }}
{{- include "embargo-butler.mistake" (printf (print
      "`enqueue.kafka.drain.topic` and `enqueue.kafka.topic` are both %s of the same brokers: "
      "drain the old topic, or leave `drain` out")
    $kafka.topic) }}
{{- end }}
{{- end }}

{{- /* Do topics that announce to {{ enqueue.address }} find one? */}}
{{- define "embargo-butler.checkEnqueueAddress" -}}
{{- $address := regexMatch `\{\{[^}]*enqueue\.address` (toJson .Values.bucketConfig) }}
{{- if and $address (eq .Values.enqueue.mode "webhook") (ne .Values.enqueue.service.type "LoadBalancer") }}
{{- include "embargo-butler.mistake" (printf (print
      "`bucketConfig.topics` announces to {{ enqueue.address }}, but `enqueue.service.type` is %s: "
      "set the type to LoadBalancer")
    .Values.enqueue.service.type) }}
{{- end }}
{{- end }}
